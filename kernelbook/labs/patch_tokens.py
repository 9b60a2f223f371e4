"""Lab: a picture becomes tokens; what a vision transformer of any size costs, and where a small trained one looks."""

import base64
import json
import math
from functools import cache
from typing import NamedTuple

import numpy as np
from traitlets import Enum, Int, default

from kernelbook import checkpoints
from kernelbook.data import CLASSES
from kernelbook.labs import svg
from kernelbook.labs.base import Lab, Still
from kernelbook.labs.look_inside import EXAMPLES, disc, examples
from kernelbook.labs.pictures import pictures
from kernelbook.labs.plot import Axes, power_of_ten

PATCHES = (4, 7, 8, 14, 16, 32)
HEADS, DEPTH, PATCH = 3, 2, 4
OUTPUTS = 1_000


class Counts(NamedTuple):
    """Of one vision transformer: tokens with the class token, parameters, and multiply-adds for one picture."""

    tokens: int
    parameters: dict[str, int]  # embedding, positions, layers, head
    multiply_adds: dict[str, int]  # embedding, linear, quadratic, head


def count(size: int, patch: int, width: int, depth: int, heads: int, outputs: int = OUTPUTS) -> Counts:
    """What torchvision's VisionTransformer with an MLP of 4 widths has and does on three channels.

    size: side of the picture, patch: side of a patch, both in pixels. The multiply-adds are those of its matrix
    products: 12 N d^2 + 2 N^2 d a layer for N tokens of width d.
    Raises ValueError where torchvision refuses: a picture that patches do not fill, a width that heads do not divide.
    """
    if size % patch:
        raise ValueError(f"patches of {patch} do not fill {size} pixels")
    if width % heads:
        raise ValueError(f"{heads} heads cannot share a width of {width}")
    patches = (size // patch) ** 2
    tokens = patches + 1
    weights = 3 * patch**2 * width
    parameters = {
        "embedding": weights + width,
        "positions": (tokens + 1) * width,  # and the class token itself
        "layers": depth * (12 * width**2 + 13 * width) + 2 * width,
        "head": (width + 1) * outputs,
    }
    products = {
        "embedding": patches * weights,
        "linear": depth * 12 * tokens * width**2,
        "quadratic": depth * 2 * tokens**2 * width,
        "head": width * outputs,
    }
    return Counts(tokens, parameters, products)


@cache
def _network() -> dict[str, np.ndarray]:
    return {name: value.astype(float) for name, value in checkpoints.unpack(checkpoints.record("wafer_vit")).items()}


@cache
def _cargo() -> str:
    """The small network and its wafers as the page reads them."""
    packed = checkpoints.record("wafer_vit")
    kept = {key: packed[key] for key in ("tensors", "data", "test_accuracy", "test_wafers")}
    return json.dumps({**kept, "examples": base64.b64encode(np.packbits(examples()).tobytes()).decode()})


def _norm(x: np.ndarray, name: str) -> np.ndarray:
    """Layer normalisation over the last axis, with the weights called `name`."""
    scaled = (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + 1e-6)
    return scaled * _network()[f"{name}.weight"] + _network()[f"{name}.bias"]


def _layer(w: dict[str, np.ndarray], x: np.ndarray, name: str) -> tuple[np.ndarray, np.ndarray]:
    """One encoder layer on tokens x (65, d): its attention (heads, 65, 65) and the tokens that come out (65, d)."""
    y = _norm(x, f"{name}.ln_1")
    qkv = y @ w[f"{name}.self_attention.in_proj_weight"].T + w[f"{name}.self_attention.in_proj_bias"]
    queries, keys, values = (part.reshape(len(x), HEADS, -1).transpose(1, 0, 2) for part in np.split(qkv, 3, axis=1))
    powers = np.exp(queries @ keys.transpose(0, 2, 1) / np.sqrt(queries.shape[-1]))
    shares = powers / powers.sum(-1, keepdims=True)
    mixed = (shares @ values).transpose(1, 0, 2).reshape(len(x), -1)
    out = f"{name}.self_attention.out_proj"
    x = x + mixed @ w[f"{out}.weight"].T + w[f"{out}.bias"]
    hidden = _norm(x, f"{name}.ln_2") @ w[f"{name}.mlp.0.weight"].T + w[f"{name}.mlp.0.bias"]
    hidden = hidden / 2 * (1 + np.vectorize(math.erf)(hidden / 2**0.5))
    return shares, x + hidden @ w[f"{name}.mlp.3.weight"].T + w[f"{name}.mlp.3.bias"]


def look(image: np.ndarray) -> tuple[list[np.ndarray], np.ndarray]:
    """The small network on a wafer (32, 32): each layer's attention (heads, 65, 65), class token first; 9 scores."""
    w = _network()
    side = len(image) // PATCH
    patches = image.reshape(side, PATCH, side, PATCH).transpose(0, 2, 1, 3).reshape(side * side, PATCH * PATCH)
    tokens = patches @ w["conv_proj.weight"].reshape(-1, PATCH * PATCH).T + w["conv_proj.bias"]
    x = np.vstack([w["class_token"][0], tokens]) + w["encoder.pos_embedding"][0]
    found = []
    for index in range(DEPTH):
        shares, x = _layer(w, x, f"encoder.layers.encoder_layer_{index}")
        found.append(shares)
    return found, _norm(x, "encoder.ln")[0] @ w["heads.head.weight"].T + w["heads.head.bias"]


class PatchTokens(Lab):
    """From picture and patch size to tokens, parameters and cost of a vision transformer; and a small one at work.

    The counts are torchvision's VisionTransformer with an MLP of 4 widths, three channels and 1,000 outputs. The
    attention is that of :mod:`kernelbook.checkpoints.wafer_vit` on one of its wafers.

    Args:
        size: side of the picture in pixels, 4 to 4,096. patch: side of a patch: 4, 7, 8, 14, 16 or 32 pixels.
        width: d, numbers in a token, 8 to 4,096. depth: layers, 1 to 64. heads: of each layer, 1 to 64.
        wafer, example: the wafer that the small network looks at, as in :class:`LookInside`.
        layer: 1 or 2, the layer whose attention is shown.

    Raises:
        TraitError: for a value outside these. A size that torchvision refuses is shown with its reason.
    """

    size = Int(224, min=4, max=4096).tag(sync=True)
    patch = Enum(PATCHES, 16).tag(sync=True)
    width = Int(768, min=8, max=4096).tag(sync=True)
    depth = Int(12, min=1, max=64).tag(sync=True)
    heads = Int(12, min=1, max=64).tag(sync=True)
    wafer = Enum(CLASSES, "scratch").tag(sync=True)
    example = Int(2, min=1, max=EXAMPLES).tag(sync=True)
    layer = Int(2, min=1, max=DEPTH).tag(sync=True)

    @default("cargo")
    def _default_cargo(self) -> str:
        return _cargo()

    @property
    def dies(self) -> np.ndarray:
        """The wafer that the small network looks at, (32, 32)."""
        return disc() * (0.5 + 0.5 * examples()[CLASSES.index(str(self.wafer)), int(self.example) - 1])

    def counts(self) -> Counts:
        """Tokens, parameters and multiply-adds. Raises ValueError where torchvision refuses."""
        return count(int(self.size), int(self.patch), int(self.width), int(self.depth), int(self.heads))

    def still(self) -> Still:
        caption = (
            "Lab: a picture becomes tokens; the quadratic part of the cost overtakes the linear one at six widths."
        )
        attention, scores = look(self.dies)
        shares = attention[self.layer - 1][:, 0]
        try:
            tokens, parameters, products = self.counts()
            part = products["quadratic"] / (products["quadratic"] + products["linear"])
            label = (
                f"{self.size} × {self.size} pixels in patches of {self.patch} × {self.patch} are {tokens:,} tokens, "
                f"the class token included. The quadratic part is {100 * part:.1f} % of the layers' {_short(products)}."
            )
            words = (
                f"{label} The network has {sum(parameters.values()):,} parameters. Both parts are equal at "
                f"6 × {self.width:,} = {6 * self.width:,} tokens."
            )
        except ValueError as error:
            tokens, label = 0, f"No such network: {error}."
            words = label
        best = CLASSES[int(scores.argmax())]
        words += (
            f" The small network says {best} of example {self.example} of {self.wafer}; in layer {self.layer} its "
            f"class token keeps {', '.join(f'{100 * share:.0f} %' for share in shares[:, 0])} of its attention for "
            f"itself, head by head, and gives the rest to the patches."
        )
        return Still(self._draw(label, tokens, shares), words, caption)

    def _draw(self, label: str, tokens: int, shares: np.ndarray) -> str:
        """Picture in patches and cost over resolution; below, a wafer and where each head looks."""
        parts = [
            svg.text(16, 20, f"{tokens - 1:,} patches" if tokens else "No whole patches", anchor="start", weight=600),
            svg.grid(pictures()["photograph"], 16, 40, 216 / 48, "grey", 0, 255),
        ]
        across = self.size / self.patch
        if across <= 64:
            lines = "".join(
                f"M{16 + 216 * i / across:.1f} 40v216M16 {40 + 216 * i / across:.1f}h216" for i in range(1, int(across))
            )
            parts.append(f'<path d="{lines}" stroke="#fff" stroke-width="1" fill="none"/>')
        sides = [2.0 ** (4 + i / 4) for i in range(33)]
        n = [(side / self.patch) ** 2 + 1 for side in sides]
        linear, quadratic = ([f(t) for t in n] for f in (self._linear, self._quadratic))
        ends = 10.0 ** math.floor(math.log10(min(quadratic))), 10.0 ** math.ceil(math.log10(max(quadratic)))
        axes = Axes(310, 40, 394, 200, (16, 4096), ends, True, True)
        ticks = [(float(2**i), f"{2**i:,}") for i in range(4, 13, 2)]
        low, high = (round(math.log10(end)) for end in ends)
        powers = [(10.0**e, power_of_ten(e)) for e in range(low, high + 1, max(1, (high - low) // 5))]
        parts += [
            axes.frame("Multiply-adds of one layer", "side of the picture, pixels", ticks, powers),
            axes.line(sides, linear, _LINEAR),
            axes.line(sides, quadratic, _QUADRATIC, "6 3"),
            svg.text(330, 60, "linear: 12 N d²", 12, _LINEAR, "start", 600),
            svg.text(330, 78, "quadratic: 2 N² d", 12, _QUADRATIC, "start", 600),
        ]
        crossing = self.patch * math.sqrt(6 * self.width - 1)
        if 16 <= crossing <= 4096:
            x, y = axes.x(crossing), axes.y(self._linear(6 * self.width))
            parts.append(
                f'<circle cx="{x:.1f}" cy="{y:.1f}" r="5" fill="none" stroke="{svg.ACCENT}" stroke-width="2"/>'
            )
        if 16 <= self.size <= 4096:
            x = axes.x(self.size)
            parts.append(f'<path d="M{x:.1f} 40V240" stroke="{svg.ACCENT}" stroke-width="2" fill="none"/>')
        top = 320.0
        parts.append(svg.text(16, top - 18, f"Wafer: {self.wafer}", anchor="start", weight=600))
        parts.append(svg.grid(self.dies, 16, top, 152 / 32, "grey", 0, 1))
        for head, share in enumerate(shares):
            left = 196 + head * 174
            parts.append(svg.text(left, top - 18, f"Head {head + 1} of layer {self.layer}", anchor="start", weight=600))
            seen = np.kron(share[1:].reshape(8, 8), np.ones((2, 2)))
            parts.append(svg.grid(seen, left, top, 152 / 16, "signed", 0, float(share[1:].max())))
        return svg.drawing(720, top + 168, label, parts)

    def _linear(self, tokens: float) -> float:
        return 12 * tokens * self.width**2

    def _quadratic(self, tokens: float) -> float:
        return 2 * tokens**2 * self.width


_LINEAR, _QUADRATIC = "#2465ab", "#a84c08"


def _short(products: dict[str, int]) -> str:
    """Multiply-adds of the layers, to four digits."""
    total = products["quadratic"] + products["linear"]
    return f"{float(f'{total / 1e9:.4g}'):,} billion multiply-adds"
