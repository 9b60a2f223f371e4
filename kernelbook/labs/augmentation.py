"""Lab: one transform on one picture, what becomes of its label, and why."""

import base64
import json
import math
import textwrap
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from traitlets import Enum, Int

from kernelbook.labs import svg
from kernelbook.labs.base import Lab, Still
from kernelbook.labs.pictures import pictures
from kernelbook.labs.seeded import normals, uniform

Array = NDArray[np.float64]

_DATA: dict[str, Any] = json.loads((Path(__file__).parent / "lib" / "augmentation.json").read_text())
PICTURES = tuple(_DATA["about"])
RANGES = {
    "flip_horizontal": (0, 0),
    "flip_vertical": (0, 0),
    "rotation": (-180, 180),
    "shift": (-50, 50),
    "zoom": (50, 200),
    "brightness": (20, 200),
    "contrast": (0, 200),
    "noise": (0, 50),
    "erase": (0, 50),
    "crop": (10, 100),
    "mixup": (0, 100),
    "cutmix": (0, 100),
}
VERDICTS = {
    "keeps": "Keeps the label.",
    "changes": "Breaks the label.",
    "doubtful": "Doubtful.",
    "mixes": "Mixes the label.",
}


class Box(NamedTuple):
    """A part of a picture, in pixels."""

    top: int
    left: int
    height: int
    width: int


@cache
def picture(name: str) -> Array:
    """One of PICTURES, grey levels 0 to 255, (H, W)."""
    own = _DATA["pictures"].get(name)
    if own is None:
        return pictures()[name].astype(float)
    return np.frombuffer(base64.b64decode(own["data"]), np.uint8).reshape(own["size"], own["size"]).astype(float)


def affine(
    height: int, width: int, degrees: float = 0, zoom: float = 1, right: float = 0, down: float = 0
) -> list[list[float]]:
    """Two rows of three: from an output place to the input place that is read, in torch's coordinates (-1 to 1).

    degrees: turn of what is seen, against the clock. zoom: its size. right, down: its move, in shares of the side.
    """
    c, s = math.cos(math.radians(degrees)) / zoom, math.sin(math.radians(degrees)) / zoom
    b, d = -s * height / width, s * width / height
    x, y = -2 * right, -2 * down
    return [[c, b, c * x + b * y], [d, c, d * x + c * y]]


class Augmentation(Lab):
    """A picture before and after one transform, with the verdict on its label and six random draws.

    Flips and quarter turns move whole pixels; other turns, shifts and zooms are torch's affine_grid and grid_sample
    (bilinear, align_corners=False). Random places and noise follow from the seed.

    Args:
        picture: "six", "nine", "eight", "edge-loc", "center", "photograph", "flower" or "sign".
        transform: "flip_horizontal", "flip_vertical", "rotation", "shift", "zoom", "brightness", "contrast", "noise",
            "erase", "crop", "mixup" or "cutmix".
        amount: its strength, held within the transform's range: degrees against the clock, else percent (of the width
            to the right, of the size, of the light, of white as standard deviation, of the area; lambda).
        other: for "shift", percent of the height downwards.
        border: what stands outside the picture: "zeros", "border" (the nearest pixel) or "reflection".
        seed: which random numbers, 0 to 999.
        row, column: the output pixel that is traced back.

    Raises:
        TraitError: for a value outside these.
    """

    picture = Enum(PICTURES, "edge-loc").tag(sync=True)
    transform = Enum(tuple(RANGES), "rotation").tag(sync=True)
    amount = Int(30, min=-180, max=200).tag(sync=True)
    other = Int(0, min=-50, max=50).tag(sync=True)
    border = Enum(("zeros", "border", "reflection"), "zeros").tag(sync=True)
    seed = Int(0, min=0, max=999).tag(sync=True)
    row = Int(8, min=0, max=63).tag(sync=True)
    column = Int(12, min=0, max=63).tag(sync=True)

    @property
    def strength(self) -> int:
        """The amount that counts: inside the transform's range."""
        low, high = RANGES[self.transform]
        return min(max(self.amount, low), high)

    @property
    def partner(self) -> str:
        """The picture that MixUp and CutMix bring in."""
        return _DATA["about"][self.picture][3]

    def box(self) -> Box | None:
        """The part that is erased, cropped or pasted."""
        height, width = picture(self.picture).shape
        share = self.strength / 100
        u, v = uniform(self.seed, [0, 1])
        if self.transform in ("erase", "crop") and share > 0:
            side = math.sqrt(share)
            h, w = (max(1, math.floor(size * side + 0.5)) for size in (height, width))
            return Box(int(u * (height - h + 1)), int(v * (width - w + 1)), h, w)
        if self.transform == "cutmix":
            half = 0.5 * math.sqrt(1 - share)
            (top, h), (left, w) = (
                (max(middle - int(half * size), 0), min(middle + int(half * size), size))
                for middle, size in ((int(u * height), height), (int(v * width), width))
            )
            return Box(top, left, h - top, w - left)
        return None

    def labels(self) -> list[tuple[str, float]]:
        """The labels for training with their shares; CutMix's by the area that was really replaced."""
        name = _DATA["about"][self.picture][1]
        if self.transform not in ("mixup", "cutmix"):
            return [(name, 1.0)]
        share, box = self.strength / 100, self.box()
        if box is not None:
            share = 1 - box.height * box.width / picture(self.picture).size
        return [(name, share), (_DATA["about"][self.partner][1], 1 - share)]

    def output(self) -> Array:
        """The picture after the transform, computed by torch, (H, W)."""
        import torch
        from torch.nn import functional as F

        x = torch.tensor(picture(self.picture))[None, None]
        height, width = x.shape[2:]
        share, box, y = self.strength / 100, self.box(), x
        if self.transform == "flip_horizontal":
            y = x.flip(3)
        elif self.transform == "flip_vertical":
            y = x.flip(2)
        elif self.transform == "rotation" and self.strength % 90 == 0:
            y = x.rot90(self.strength // 90, (2, 3))
        elif self.transform in ("rotation", "shift", "zoom"):
            kinds: dict[str, dict[str, float]] = {
                "rotation": {"degrees": self.strength},
                "shift": {"right": share, "down": self.other / 100},
                "zoom": {"zoom": share},
            }
            moves = kinds[self.transform]
            theta = torch.tensor([affine(height, width, **moves)], dtype=torch.double)
            grid = F.affine_grid(theta, [1, 1, height, width], align_corners=False)
            y = F.grid_sample(x, grid, padding_mode=self.border, align_corners=False)
        elif self.transform == "brightness":
            y = share * x
        elif self.transform == "contrast":
            y = share * x + (1 - share) * x.mean()
        elif self.transform == "noise":
            y = x + 255 * share * torch.tensor(normals(self.seed, x.numel())).reshape(x.shape)
        elif self.transform == "mixup":
            y = share * x + (1 - share) * torch.tensor(picture(self.partner))
        elif box is not None:
            rows, columns = slice(box.top, box.top + box.height), slice(box.left, box.left + box.width)
            if self.transform == "crop":
                cut = x[:, :, rows, columns]
                y = F.interpolate(cut, (height, width), mode="bilinear", align_corners=False)
            else:
                y = x.clone()
                other = picture(self.partner) if self.transform == "cutmix" else np.zeros((height, width))
                y[..., rows, columns] = torch.tensor(other[rows, columns])
        return y.clamp(0, 255)[0, 0].numpy()

    def verdict(self) -> tuple[str, str]:
        """ "keeps", "changes", "doubtful" or "mixes", and the reason."""
        kind = _DATA["about"][self.picture][2]
        size = max(abs(self.strength), abs(self.other) if self.transform == "shift" else 0)
        for on, by, low, high, found, why in _DATA["rules"]:
            if on in (self.picture, kind, "any") and by == self.transform and low <= size <= high:
                return found, why
        return "doubtful", ""

    def still(self) -> Still:
        caption = "Lab: a transform, the picture it makes, and what becomes of the label."
        title = _DATA["about"][self.picture][0]
        found, why = self.verdict()
        label = " + ".join(f"{share:.2f} {name}" if share < 1 else name for name, share in self.labels() if share > 0)
        name = self.transform.replace("_", " ")
        strength = "" if self.transform.startswith("flip") else f" ({svg.number(self.strength)})"
        height, width = picture(self.picture).shape
        finding = f"{VERDICTS[found]} {why} Label for training: {label}."
        words = f"{title}, {height} × {width} pixels, transform {name}{strength}. {finding}"
        shown = [("Before", picture(self.picture))]
        if self.transform in ("mixup", "cutmix"):
            shown.append(("Partner", picture(self.partner)))
        shown.append(("After", self.output()))
        side, gap, top = 190.0, 30.0, 34.0
        left = (720 - len(shown) * side - (len(shown) - 1) * gap) / 2
        parts, box = [], self.box()
        for place, (heading, pixels) in enumerate(shown):
            x, cell = left + place * (side + gap), side / len(pixels)
            parts.append(svg.text(x, top - 16, heading, anchor="start", weight=600))
            parts.append(svg.grid(pixels, x, top, cell, "grey", -34, 255))
            if box is not None and heading != "After":
                parts.append(
                    svg.outline(x + box.left * cell, top + box.top * cell, box.width * cell, box.height * cell)
                )
        lines = textwrap.wrap(finding, 95)
        for i, line in enumerate(lines):
            parts.append(
                svg.text(360, top + side + 24 + 19 * i, line, weight=600 if i == 0 and len(lines) == 1 else 400)
            )
        return Still(svg.drawing(720, top + side + 34 + 19 * len(lines), words, parts), words, caption)
