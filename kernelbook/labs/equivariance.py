"""Lab: is "move, then layer" the same as "layer, then move"?"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from traitlets import Enum, Int, List, TraitError, validate

from kernelbook import ops
from kernelbook.kernels import NAMED
from kernelbook.labs import svg
from kernelbook.labs.base import Lab, Still
from kernelbook.labs.pictures import matrix, noise, pictures
from kernelbook.labs.pooling import pool

IMAGES = ("object", "digit", "wafer", "noise", "drawn")
KERNELS = ("sobel_x", "sobel_y", "laplacian", "sharpen")
VIEWS = {
    "convolution": "Convolution, stride 1",
    "strided": "Convolution, stride S",
    "pooled": "The first, max-pooled S × S",
    "mean": "Global mean of the first",
    "strided_mean": "Global mean of the second",
}
LARGEST_IMAGE, LARGEST_MOVE = 32, 8
OBJECT = np.zeros((8, 8), int)
OBJECT[2:5, 2] = OBJECT[4, 3] = 1


class Comparison(NamedTuple):
    """One layer on both ways round: `moved_first` is f(T x), `layer_first` is T f(x), with the map's own move."""

    before: np.ndarray
    moved_first: np.ndarray
    layer_first: np.ndarray
    shift: tuple[int, int]
    fits: bool

    @property
    def equal(self) -> int:
        """How many values are exactly the same."""
        return int((self.moved_first == self.layer_first).sum())

    @property
    def largest(self) -> float:
        """The largest difference."""
        return float(np.abs(self.moved_first - self.layer_first).max())


class Equivariance(Lab):
    """A picture is moved and sent through a layer, in both orders; the values that differ are marked and counted.

    The move goes round: what leaves on one side comes in on the other (`torch.roll`), so that a move loses nothing and
    a circular border is the exact case. Each convolution is 3 x 3 with padding 1 and is followed by ReLU.
    `image` also takes an array, which becomes the picture "drawn".

    Args:
        image: "object" (8 x 8, an L of ones), "digit", "wafer", "noise" (16 x 16) or "drawn".
        pixels: (H, W) numbers of the picture "drawn", 4 x 4 to 32 x 32.
        kernel: "sobel_x", "sobel_y", "laplacian" or "sharpen", for the maps; the global means use all four.
        border: padding mode of the layer: "zeros", "reflect", "replicate" or "circular".
        stride: S, 1 to 4: stride of the second layer, window and stride of the pooling.
        down, right: pixels by which the picture is moved, -8 to 8.
        view: the layer in the picture: "convolution", "strided", "pooled", "mean" or "strided_mean".

    Raises:
        TraitError: for a value outside these.
    """

    image = Enum(IMAGES, "object").tag(sync=True)
    pixels = List(default_value=OBJECT.tolist()).tag(sync=True)
    kernel = Enum(KERNELS, "sobel_x").tag(sync=True)
    border = Enum(tuple(ops.PADDING_MODES), "zeros").tag(sync=True)
    stride = Int(2, min=1, max=4).tag(sync=True)
    down = Int(0, min=-LARGEST_MOVE, max=LARGEST_MOVE).tag(sync=True)
    right = Int(1, min=-LARGEST_MOVE, max=LARGEST_MOVE).tag(sync=True)
    view = Enum(tuple(VIEWS), "convolution").tag(sync=True)

    def __init__(self, image: str | ArrayLike | None = None, **state: Any) -> None:
        if isinstance(image, str):
            state["image"] = image
        elif image is not None:
            state["image"], state["pixels"] = "drawn", image
        if "pixels" in state:
            state["pixels"] = _pixels(state["pixels"])
        super().__init__(**state)

    @validate("pixels")
    def _check_pixels(self, proposal: Any) -> list[list[float]]:
        return _pixels(proposal["value"])

    @property
    def picture(self) -> np.ndarray:
        """The picture before the move, (H, W)."""
        if self.image in ("object", "drawn"):
            return OBJECT if self.image == "object" else np.array(self.pixels)
        return noise(16) if self.image == "noise" else pictures()[self.image]

    def layer(self, view: str, x: np.ndarray) -> np.ndarray:
        """The layer of a view on x (H, W): a map (O_h, O_w), or the means of the four kernels' maps (1, 4)."""
        if view == "convolution":
            return self._convolve(x, self.kernel, 1)
        if view == "strided":
            return self._convolve(x, self.kernel, self.stride)
        if view == "pooled":
            return pool(self._convolve(x, self.kernel, 1), "max", self.stride, self.stride, 0, False, True)
        stride = 1 if view == "mean" else self.stride
        maps = [self._convolve(x, kernel, stride) for kernel in KERNELS]
        return np.array([[values.sum() / values.size for values in maps]])

    def _convolve(self, x: np.ndarray, kernel: str, stride: int) -> np.ndarray:
        padded = ops.pad2d(x[None, None], 1, self.border)
        return np.maximum(ops.conv2d(padded, NAMED[kernel][None, None], stride=stride)[0, 0], 0)

    def compare(self, view: str | None = None) -> Comparison:
        """Both ways round for a view, by default the one that is shown."""
        view = view or self.view
        before = self.layer(view, self.picture)
        moved_first = self.layer(view, np.roll(self.picture, (self.down, self.right), (0, 1)))
        step = {"convolution": 1, "strided": self.stride, "pooled": self.stride}.get(view, 0)
        fits = step == 0 or (self.down % step == 0 and self.right % step == 0)
        shift = (0, 0)
        if step and fits:
            shift = (self.down // step, self.right // step)
        elif step:  # no move of the map is half a cell: of the whole ones on either side, the closest in the sum
            places = [
                (down, right)
                for down in (self.down // step, -(-self.down // step))
                for right in (self.right // step, -(-self.right // step))
            ]
            least = np.inf
            for place in places:
                total = np.abs(np.roll(before, place, (0, 1)) - moved_first).sum()
                if total < least * (1 - 1e-9):  # a tie goes to the first, however the sums were rounded
                    least, shift = total, place
        return Comparison(before, moved_first, np.roll(before, shift, (0, 1)), shift, fits)

    def still(self) -> Still:
        caption = "Lab: the same layer before and after a move of the picture, and where the two ways differ."
        shown = self.compare()
        label = (
            f"{VIEWS[self.view]} of the picture “{self.image}”, border {self.border}, stride S = {self.stride}; the "
            f"picture moved {svg.number(self.down)} down and {svg.number(self.right)} right: {_counts(shown)}."
        )
        words = [label]
        for view, title in VIEWS.items():
            if view != self.view:
                words.append(f"{title}: {_counts(self.compare(view))}.")
        return Still(self._draw(shown, label), " ".join(words), caption)

    def _draw(self, shown: Comparison, label: str) -> str:
        """The square x, f(x) above T x, f(T x), and T f(x) beside it; what differs is marked."""
        picture = self.picture
        moved = np.roll(picture, (self.down, self.right), (0, 1))
        out_rows, out_columns = shown.before.shape
        top, gap = 34.0, 30.0
        cell = min((720 - 2 * gap - 32) / (picture.shape[1] + 2 * max(out_columns, 4)), 190 / picture.shape[0], 26.0)
        wide = min(4 * cell, 60.0) if out_rows == 1 else cell
        lefts = [24.0]
        lefts.append(lefts[0] + max(picture.shape[1] * cell, 110) + gap)
        lefts.append(lefts[1] + max(out_columns * wide, 130) + gap)
        below = top + picture.shape[0] * cell + 44
        low, high = min(0.0, float(picture.min())), max(float(picture.max()), 1.0)
        inside: svg.Colours = "signed" if low < 0 else "grey"
        most = float(max(values.max() for values in shown[:3])) or 1.0
        places = [(lefts[0], top), (lefts[1], top), (lefts[0], below), (lefts[1], below), (lefts[2], below)]
        titles = ["x", "f(x)", "T x: moved", "f(T x): moved, then f", "T f(x): f, then moved"]
        maps = [picture, shown.before, moved, shown.moved_first, shown.layer_first]
        parts = []
        for (left, upper), title, values in zip(places, titles, maps, strict=True):
            parts.append(svg.text(left, upper - 16, title, anchor="start", weight=600))
            if values is picture or values is moved:
                parts.append(svg.compact_grid(values, left, upper, cell, inside, low, high))
            else:
                parts.append(svg.compact_grid(values, left, upper, wide, "grey", 0, most))
        differ = list(zip(*np.nonzero(shown.moved_first != shown.layer_first), strict=True))
        parts += [svg.marks(differ, left, below, wide) for left in lefts[1:]]
        return svg.drawing(720, below + picture.shape[0] * cell + 20, label, parts)


def _pixels(value: Any) -> list[list[float]]:
    rows = matrix("pixels", value, LARGEST_IMAGE)
    if min(len(rows), len(rows[0])) < 4:
        raise TraitError(f"pixels must be at least 4 x 4, got shape ({len(rows)}, {len(rows[0])})")
    return rows


def _counts(shown: Comparison) -> str:
    size = shown.moved_first.size
    nearest = (
        "" if shown.fits else f" with the nearest move of the map, {shown.shift[0]} down and {shown.shift[1]} right"
    )
    nearest = nearest.replace("-", "−")
    if shown.equal == size:
        return f"all {size} values are equal{nearest}"
    return f"{shown.equal} of {size} values are equal{nearest}, the largest difference is {shown.largest:.3g}"
