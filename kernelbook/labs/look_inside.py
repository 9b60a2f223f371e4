"""Lab: a trained network, opened while one draws on its wafer."""

import base64
import json
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from traitlets import Enum, Int, TraitError, Unicode, default, validate

from kernelbook import checkpoints, ops
from kernelbook.data import CLASSES, wafers
from kernelbook.labs import svg
from kernelbook.labs.base import Lab, Still

SIZE, LAYERS, EXAMPLES = 32, 4, 5
EXAMPLE_SEED = 4_000
STRIDES = (1, 2, 2, 1)


@cache
def examples() -> np.ndarray:
    """Failed dies of every class's examples, (9, 5, 32, 32) booleans: `wafers` with one seed a class, none left out."""
    maps = [wafers(EXAMPLES, SIZE, EXAMPLE_SEED + i, [name])[0][:, 0] for i, name in enumerate(CLASSES)]
    return np.stack(maps) == 1


@cache
def disc() -> np.ndarray:
    """Where the wafer has dies, (32, 32) booleans."""
    return wafers(1, SIZE, 0)[0][0, 0] > 0


@cache
def _network() -> dict[str, np.ndarray]:
    return {name: value.astype(float) for name, value in checkpoints.unpack(checkpoints.record("wafer_cnn")).items()}


@cache
def _cargo() -> str:
    """The network and the examples as the page reads them."""
    packed = checkpoints.record("wafer_cnn")
    kept = {key: packed[key] for key in ("tensors", "data", "test_accuracy", "test_wafers")}
    return json.dumps({**kept, "examples": base64.b64encode(np.packbits(examples()).tobytes()).decode()})


def encode(failed: ArrayLike) -> str:
    """Failed dies, (32, 32) booleans, as the text of the trait `drawing`: 1,024 bits in URL-safe base64."""
    bits = np.packbits(np.asarray(failed, bool) & disc())
    return base64.urlsafe_b64encode(bits.tobytes()).decode().rstrip("=")


def decode(drawing: str) -> np.ndarray:
    """The inverse of :func:`encode`. Raises ValueError for a text that is not one of its."""
    bits = np.frombuffer(base64.b64decode(drawing + "=" * (-len(drawing) % 4), altchars=b"-_", validate=True), np.uint8)
    if bits.size != SIZE * SIZE // 8:
        raise ValueError(f"a drawing has {SIZE * SIZE // 8} bytes, got {bits.size}")
    return np.unpackbits(bits).reshape(SIZE, SIZE).astype(bool) & disc()


class LookInside(Lab):
    """A small trained network at work on a wafer that the reader draws or damages.

    It shows the maps of its four layers, the nine scores, and for one class the evidence: a class activation map, which
    is exact for this network, or the gradient of the score with respect to every die.

    Args:
        wafer: one of the nine classes of :data:`kernelbook.data.CLASSES`; also takes a (32, 32) array in which failed
            dies are true (or 1, with 0.5 for those that passed), which becomes the drawing.
        example: 1 to 5, which of the class's examples.
        drawing: failed dies as text (:func:`encode`), in the example's place; empty for the example itself.
        target: the class whose evidence is shown, or "predicted" for the one with the highest score.
        evidence: "cam" or "gradient".
        layer: 1 to 4, and map: 1 to 16, the feature map that is enlarged.

    Raises:
        TraitError: for a value outside these.
    """

    wafer = Enum(CLASSES, "scratch").tag(sync=True)
    example = Int(1, min=1, max=EXAMPLES).tag(sync=True)
    drawing = Unicode("").tag(sync=True)
    target = Enum(("predicted", *CLASSES), "predicted").tag(sync=True)
    evidence = Enum(("cam", "gradient"), "cam").tag(sync=True)
    layer = Int(4, min=1, max=LAYERS).tag(sync=True)
    map = Int(1, min=1, max=16).tag(sync=True)

    def __init__(self, wafer: str | ArrayLike | None = None, **state: Any) -> None:
        if isinstance(wafer, str):
            state["wafer"] = wafer
        elif wafer is not None:
            array = np.asarray(wafer, float)
            if array.shape != (SIZE, SIZE):
                raise TraitError(f"a wafer has shape ({SIZE}, {SIZE}), got {array.shape}")
            state["drawing"] = encode(array == 1)
        super().__init__(**state)

    @default("cargo")
    def _default_cargo(self) -> str:
        return _cargo()

    @validate("drawing")
    def _check_drawing(self, proposal: Any) -> str:
        if proposal["value"]:
            try:
                decode(proposal["value"])
            except ValueError as error:
                raise TraitError(f"drawing is not the text of a wafer: {error}") from None
        return proposal["value"]

    @property
    def dies(self) -> np.ndarray:
        """The wafer that is shown, (32, 32): 0 for no die, 0.5 passed, 1 failed."""
        failed = (
            decode(self.drawing) if self.drawing else examples()[CLASSES.index(str(self.wafer)), int(self.example) - 1]
        )
        return disc() * (0.5 + 0.5 * failed)

    def maps(self) -> list[np.ndarray]:
        """Every layer's maps after ReLU, (C, H, W) each."""
        weights, x, found = _network(), self.dies[None, None], []
        for index, stride in enumerate(STRIDES):
            w, b = weights[f"convs.{index}.weight"], weights[f"convs.{index}.bias"]
            x = np.maximum(ops.conv2d(x, w, b, stride=stride, padding=1), 0)
            found.append(x[0])
        return found

    def cams(self) -> np.ndarray:
        """The class activation maps, (9, 8, 8): the last layer's maps, weighted by the head."""
        return np.tensordot(_network()["head.weight"], self.maps()[-1], 1)

    def scores(self) -> np.ndarray:
        """The nine scores: bias plus the mean of the class activation map."""
        return _network()["head.bias"] + self.cams().mean((1, 2))

    def still(self) -> Still:
        caption = "Lab: a trained network looks at a wafer; its maps, its scores and its evidence change as you draw."
        scores, cams, maps = self.scores(), self.cams(), self.maps()
        shares = np.exp(scores - scores.max())
        shares /= shares.sum()
        chosen = int(scores.argmax()) if self.target == "predicted" else CLASSES.index(str(self.target))
        cam, bias = cams[chosen], _network()["head.bias"][chosen]
        source = "A drawn wafer" if self.drawing else f"Example {self.example} of the class {self.wafer}"
        best = CLASSES[int(scores.argmax())]
        row, column = np.unravel_index(int(cam.argmax()), cam.shape)
        label = (
            f"{source}: the network says {best} ({100 * shares.max():.1f} %). The class activation map of "
            f"{CLASSES[chosen]} is largest at row {row}, column {column} of its 8 by 8."
        )
        words = (
            f"{label} Score of {CLASSES[chosen]} = bias {svg.number(bias)} + mean of the map "
            f"{svg.number(cam.mean())} = {svg.number(scores[chosen])}. All scores: "
            f"{', '.join(f'{name} {svg.number(score)}' for name, score in zip(CLASSES, scores, strict=True))}."
        )
        return Still(self._draw(label, scores, cam, chosen, maps), words, caption)

    def _draw(self, label: str, scores: np.ndarray, cam: np.ndarray, chosen: int, maps: list[np.ndarray]) -> str:
        """Wafer, class activation map and scores in a row; a few maps of every layer below."""
        side, top = 208.0, 40.0
        reach = float(np.abs(cam).max())
        parts = [
            svg.text(16, top - 18, "Wafer" if self.drawing else f"Wafer: {self.wafer}", anchor="start", weight=600),
            svg.text(248, top - 18, f"Evidence for {CLASSES[chosen]}", anchor="start", weight=600),
            svg.text(480, top - 18, "Scores", anchor="start", weight=600),
            svg.grid(self.dies, 16, top, side / SIZE, "grey", 0, 1),
            svg.grid(np.kron(cam, np.ones((2, 2))), 248, top, side / 2 / len(cam), "signed", -reach, reach),
        ]
        zero, unit = 625.0, 60 / max(float(np.abs(scores).max()), 1e-9)
        for i, (name, score) in enumerate(zip(CLASSES, scores, strict=True)):
            y, length = top + 12 + i * 23, abs(float(score)) * unit
            colour = "#a84c08" if score > 0 else "#2465ab"
            left = zero if score > 0 else zero - length
            parts += [
                svg.text(480, y, name, anchor="start", weight=600 if i == int(scores.argmax()) else 400),
                f'<rect x="{left:.1f}" y="{y - 8:g}" width="{length:.1f}" height="16" fill="{colour}"/>',
                svg.text(704, y, svg.number(float(score)), 12, anchor="end"),
            ]
        y = top + side + 28
        for i, layer in enumerate(maps):
            shape = f"{len(layer)} maps of {layer.shape[1]} × {layer.shape[2]}"
            parts.append(svg.text(16, y + 20, f"Layer {i + 1}, the first 8 of", 12, anchor="start"))
            parts.append(svg.text(16, y + 36, shape, 12, anchor="start"))
            strip = _strip(layer[:8])
            parts.append(svg.grid(strip, 180, y, 524 / strip.shape[1], "grey", 0, 1))
            y += 524 / strip.shape[1] * strip.shape[0] + 10
        return svg.drawing(720, y + 6, label, parts)


def _strip(maps: np.ndarray) -> np.ndarray:
    """Maps (C, H, W) side by side with white between them, each from black for 0 to white for its largest value."""
    gap = np.ones((maps.shape[1], max(1, maps.shape[1] // 16)))
    shown = [part for m in maps for part in (m / (m.max() or 1), gap)]
    return np.hstack(shown[:-1])
