"""Lab: which pixels one unit of a chain of layers can see, and which it listens to."""

import json
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from traitlets import Enum, Int, List, Union, validate

from kernelbook.labs import svg
from kernelbook.labs.base import Lab, Still
from kernelbook.labs.stack import KINDS, LARGEST_STACK, layer_rows

NETWORKS = ("own", "lenet5", "alexnet", "vgg16", "resnet18", "resnet50", "mobilenet_v1")
OWN_SIZE, LARGEST_SIZE = 32, 512


@cache
def architectures() -> dict[str, Any]:
    """The known chains that the page carries too, by name: {"title", "size", "layers": [{"name", "window"}]}."""
    return json.loads((Path(__file__).parent / "lib" / "architectures.json").read_text())


class ReceptiveField(Lab):
    """The theoretical field of one unit as a frame on the picture, and its effective field as a heat map.

    The effective field is the gradient of the unit when every weight is equal, poolings average and nothing is
    rectified: how many paths lead from each pixel to the unit. In a notebook: `labs.ReceptiveField("vgg16")`, or
    `labs.ReceptiveField(layers=[("conv", 3, 1, 1, 1), ("pool", 2, 2, 0, 1)])`.

    Args:
        network: "own" for `layers`, or "lenet5", "alexnet", "vgg16", "resnet18", "resnet50", "mobilenet_v1": the chain
            of convolutions and poolings on its longest path.
        layers: rows (kind, K, S, P, D) of the own chain, at most 64; kind is "conv" or "pool", or 0 or 1.
        size: side of the square picture in pixels, 4 to 512; 0 for the network's usual one (own: 32).
        layer: number of the layer whose unit looks, from 1; 0 for the last.
        row, column: the unit on that layer's map; -1 for the middle.

    Raises:
        TraitError: for a value outside these. A layer that doesn't fit on its map is shown with its reason.
    """

    network = Enum(NETWORKS, "own").tag(sync=True)
    layers = List(default_value=[[0, 3, 1, 1, 1], [0, 3, 1, 1, 1], [1, 2, 2, 0, 1], [0, 3, 1, 1, 1]]).tag(sync=True)
    size = Union([Int(min=4, max=LARGEST_SIZE), Enum([0])], default_value=0).tag(sync=True)
    layer = Int(0, min=0, max=LARGEST_STACK).tag(sync=True)
    row = Int(-1, min=-1).tag(sync=True)
    column = Int(-1, min=-1).tag(sync=True)

    def __init__(self, network: str = "own", layers: Sequence[Sequence[Any]] | None = None, **state: Any) -> None:
        state["network"] = network
        if layers is not None:
            state["layers"] = layer_rows(layers)
        super().__init__(**state)

    @validate("layers")
    def _check_layers(self, proposal: Any) -> list[list[int]]:
        return layer_rows(proposal["value"])

    @property
    def side(self) -> int:
        """Side of the picture in pixels."""
        return self.size or (OWN_SIZE if self.network == "own" else architectures()[self.network]["size"])

    @property
    def chain(self) -> list[tuple[str, list[int]]]:
        """Name and [kind, K, S, P, D] of each layer."""
        if self.network == "own":
            return [(KINDS[row[0]], row) for row in self.layers]
        return [(entry["name"], entry["window"]) for entry in architectures()[self.network]["layers"]]

    def fields(self) -> tuple[list[tuple[int, int, int, int]], str]:
        """(map size, field, jump, start) after each layer that fits, and why the next does not, if there is one."""
        now, found = (self.side, 1, 1, 0), list[tuple[int, int, int, int]]()
        for number, (_, (kind, kernel, stride, padding, dilation)) in enumerate(self.chain, 1):
            size, field, jump, start = now
            span = dilation * (kernel - 1) + 1
            if kind == 1 and 2 * padding > kernel:
                return found, f"layer {number} pads its pooling by more than half a window, which PyTorch refuses"
            if span > size + 2 * padding:
                return found, f"layer {number} does not fit: it spans {span} of {size + 2 * padding} pixels"
            now = (
                (size + 2 * padding - span) // stride + 1,
                field + dilation * (kernel - 1) * jump,
                jump * stride,
                start - padding * jump,
            )
            found.append(now)
        return found, ""

    def unit(self) -> tuple[int, int, int]:
        """Index of the layer, row and column of the unit, kept on a map that may have become smaller."""
        found, error = self.fields()
        if not found:
            raise ValueError(error)
        index = min(self.layer or len(self.chain), len(found)) - 1
        size = found[index][0]
        row, column = (size // 2 if place < 0 else min(place, size - 1) for place in (self.row, self.column))
        return index, row, column

    def effective(self) -> np.ndarray:
        """How many paths lead from each pixel to the unit, (size, size): its gradient when every weight is 1."""
        index, *place = self.unit()
        windows = [window for _, window in self.chain[: index + 1]]
        sizes = [self.side, *(field[0] for field in self.fields()[0])]
        axes = []
        for unit in place:
            now = np.zeros(sizes[index + 1])
            now[unit] = 1
            for (_, kernel, stride, padding, dilation), size in zip(windows[::-1], sizes[index::-1], strict=True):
                reach = max((len(now) - 1) * stride + dilation * (kernel - 1) + 1, size + padding)
                padded = np.zeros(reach)
                for k in range(kernel):
                    padded[k * dilation : k * dilation + (len(now) - 1) * stride + 1 : stride] += now
                now = padded[padding : padding + size]
            axes.append(now)
        return np.outer(*axes)

    def still(self) -> Still:
        caption = "Lab: the receptive field of one unit, in theory and as its gradient has it."
        found, error = self.fields()
        if not found:
            words = f"No map: {error}."
            return Still(svg.drawing(720, 60, words, [svg.text(360, 30, words, 14)]), words, caption)
        index, row, column = self.unit()
        size, field, jump, start = found[index]
        title = "Own layers" if self.network == "own" else architectures()[self.network]["title"]
        weights = self.effective()
        label = (
            f"{title}, layer {index + 1} of {len(self.chain)}: the unit in row {row}, column {column} of "
            f"{size} × {size} sees {field} × {field} pixels of a picture of {self.side} × {self.side}."
        )
        listened = _side_holding(weights, 0.5)
        parts = [f"Half of the gradient comes from {listened} × {listened} pixels."] if listened else []
        reached = int((weights > 0).sum())
        parts.append(f"The gradient reaches {reached} pixels.")
        parts.append("Fields, layer by layer: " + ", ".join(str(f[1]) for f in found) + ".")
        parts.append("Jumps: " + ", ".join(str(f[2]) for f in found) + ".")
        if error:
            parts.append(f"After that, {error}.")
        drawn = self._draw(weights, start + row * jump, start + column * jump, field, found, label)
        return Still(drawn, " ".join([label, *parts]), caption)

    def _draw(self, weights: np.ndarray, top: int, left: int, field: int, found: list[Any], label: str) -> str:
        """The picture with heat map and frame on the left, the last layers' numbers on the right."""
        side = self.side
        low, high = min(0, top, left), max(side, top + field, left + field)
        low, high = max(low, -side), min(high, 2 * side)
        scale = 280 / (high - low)
        x, y = 24 - low * scale, 40 - low * scale
        blocks = min(side, 64)
        edges = np.linspace(0, side, blocks + 1).round().astype(int)
        heat = np.add.reduceat(np.add.reduceat(weights, edges[:-1], 0), edges[:-1], 1)
        heat = heat / np.outer(np.diff(edges), np.diff(edges))
        most = float(heat.max()) or 1.0
        parts = [
            svg.text(24, 20, f"Picture {side} × {side}", anchor="start", weight=600),
            svg.grid(heat / most, x, y, side * scale / blocks, "signed", -1, 1)
            if blocks > svg.LARGEST_NUMBERED
            else svg.grid(np.kron(heat / most, np.ones((2, 2))), x, y, side * scale / blocks / 2, "signed", -1, 1),
            svg.outline(x + left * scale, y + top * scale, field * scale, field * scale),
        ]
        for text, at in (("Layer", 330), ("K, S, P, D", 535), ("Map", 590), ("Field", 645), ("Jump", 696)):
            parts.append(svg.text(at, 20, text, 12, svg.QUIET, "start" if at == 330 else "end", 600))
        rows = list(zip(self.chain, found, strict=False))
        first = max(0, len(rows) - 14)
        for line, ((name, window), (size, r, jump, _)) in enumerate(rows[first:]):
            middle = 46 + 20 * line
            parts.append(svg.text(330, middle, f"{first + line + 1} {name}", 12, anchor="start"))
            numbers = (", ".join(map(str, window[1:])), str(size), str(r), str(jump))
            for text, at in zip(numbers, (535, 590, 645, 696), strict=True):
                parts.append(svg.text(at, middle, text, 12, anchor="end"))
        return svg.drawing(720, 344, label, parts)


def _side_holding(weights: np.ndarray, share: float) -> int:
    """Side of the smallest square about the field's middle that holds a share of the gradient; 0 if there is none."""
    if not weights.any():
        return 0
    from kernelbook.receptive_field import side_holding  # needs torch, which a page of labs alone does not

    return side_holding(weights, share)
