"""Lab: pooling makes a map small; move the picture and watch what survives."""

from functools import cache
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from traitlets import Bool, Enum, Int, List, validate

from kernelbook.labs import svg
from kernelbook.labs.base import Lab, Still
from kernelbook.labs.pictures import matrix, noise, pictures

IMAGES = ("pixel", "step", "digit", "wafer", "noise", "drawn")
OPERATIONS = ("max", "average", "blur")
TITLES = {"max": "Max pooling", "average": "Average pooling", "blur": "Anti-aliased max pooling"}
LARGEST_IMAGE, LARGEST_MOVE = 32, 4
BRIGHT = [[int((row, column) == (2, 2)) for column in range(8)] for row in range(8)]
NEIGHBOURS = [(a, b) for a in (-1, 0, 1) for b in (-1, 0, 1) if (a, b) != (0, 0)]


class Pooling(Lab):
    """Pooling before and after a move of the picture, plain beside anti-aliased, with the way of the gradient.

    In a notebook `labs.Pooling(right=1)` is enough. `image` also takes an array, which becomes the picture "drawn".

    Args:
        image: "pixel" (8 x 8, a single 1 in row 2, column 2), "step", "digit", "wafer", "noise" (32 x 32) or "drawn".
        pixels: (H, W) numbers of the picture "drawn", at most 32 x 32.
        operation: "max", "average", or "blur": anti-aliased max pooling (Zhang 2019), which takes the maximum at every
            position, filters it with [1 2 1; 2 4 2; 1 2 1] / 16 and keeps every S-th value.
        beside: the operation to compare with, or "none".
        window: K, 1 to 5 pixels. stride: S, 1 to 4 pixels. padding: P, 0 to 2 pixels, never more than K / 2.
        ceil_mode: round the output size up ("blur" always rounds down).
        count_include_pad: the average divides by the padding's pixels too, as it does in PyTorch unless told not to.
        down, right: pixels by which the picture is moved, -4 to 4; zeros come in from the other side.
        gradient: what the input shows: "none" for the picture, "one" for the gradient of the marked output, "all" for
            that of the sum of all outputs.
        row, column: the output that is marked.

    Raises:
        TraitError: for a value outside these. A geometry that PyTorch refuses is shown with its reason.
    """

    image = Enum(IMAGES, "pixel").tag(sync=True)
    pixels = List(default_value=BRIGHT).tag(sync=True)
    operation = Enum(OPERATIONS, "max").tag(sync=True)
    beside = Enum(("none", *OPERATIONS), "blur").tag(sync=True)
    window = Int(2, min=1, max=5).tag(sync=True)
    stride = Int(2, min=1, max=4).tag(sync=True)
    padding = Int(0, min=0, max=2).tag(sync=True)
    ceil_mode = Bool(False).tag(sync=True)
    count_include_pad = Bool(True).tag(sync=True)
    down = Int(0, min=-LARGEST_MOVE, max=LARGEST_MOVE).tag(sync=True)
    right = Int(0, min=-LARGEST_MOVE, max=LARGEST_MOVE).tag(sync=True)
    gradient = Enum(("none", "one", "all"), "none").tag(sync=True)
    row = Int(1, min=0).tag(sync=True)
    column = Int(1, min=0).tag(sync=True)

    def __init__(self, image: str | ArrayLike | None = None, **state: Any) -> None:
        if isinstance(image, str):
            state["image"] = image
        elif image is not None:
            state["image"], state["pixels"] = "drawn", image
        if "pixels" in state:
            state["pixels"] = matrix("pixels", state["pixels"], LARGEST_IMAGE)
        super().__init__(**state)

    @validate("pixels")
    def _check_pixels(self, proposal: Any) -> list[list[float]]:
        return matrix("pixels", proposal["value"], LARGEST_IMAGE)

    @property
    def picture(self) -> np.ndarray:
        """The picture before the move, (H, W)."""
        if self.image in ("pixel", "drawn"):
            return np.array(BRIGHT if self.image == "pixel" else self.pixels)
        return noise(32) if self.image == "noise" else pictures()[self.image]

    @property
    def moved(self) -> np.ndarray:
        """The picture after the move, (H, W), on a ground of zeros."""
        return move(self.picture, self.down, self.right)

    def pool(self, x: np.ndarray, operation: str | None = None) -> np.ndarray:
        """x (H, W) pooled to (O_h, O_w) with this lab's geometry. Raises ValueError where PyTorch does."""
        return pool(
            x,
            operation or self.operation,
            self.window,
            self.stride,
            self.padding,
            self.ceil_mode,
            self.count_include_pad,
        )

    def still(self) -> Still:
        caption = "Lab: pooling before and after a small move of the picture."
        try:
            before, after = self.pool(self.picture), self.pool(self.moved)
        except ValueError as error:
            refusal = f"This geometry has no output: {error}."
            return Still(svg.drawing(720, 60, refusal, [svg.text(360, 30, refusal, 14)]), refusal, caption)
        step = f"moved {_number(self.down)} down and {_number(self.right)} right"
        label = (
            f"{TITLES[self.operation]}, window {self.window}, stride {self.stride}, padding {self.padding}, of the "
            f"picture “{self.image}” ({_by(before.shape, self.picture.shape)}), {step}: {_compare(before, after)}."
        )
        words = [label]
        if self.beside not in ("none", self.operation):
            try:
                other = [self.pool(x, self.beside) for x in (self.picture, self.moved)]
                words.append(f"{TITLES[self.beside]}: {_compare(*other)}.")
            except ValueError as error:
                words.append(f"{TITLES[self.beside]}: {error}.")
        shares = [bright_pixel(self.operation, self.window, self.stride, moves) for _, moves in MOVES]
        words.append(
            "One bright pixel, from every place: the output stays exactly as it was in "
            + ", ".join(
                f"{same} of {total} moves of {name} ({100 * same / total:g} %)"
                for (name, _), (same, total) in zip(MOVES, shares, strict=True)
            )
            + "."
        )
        return Still(self._draw(before, after, label), " ".join(words), caption)

    def _draw(self, before: np.ndarray, after: np.ndarray, label: str) -> str:
        """Input, output before and output after the move in a row; the outputs that changed are marked."""
        picture, top, gap = self.moved, 40.0, 36.0
        columns = picture.shape[1] + before.shape[1] + after.shape[1]
        cell = min((720 - 2 * gap - 32) / columns, 230 / picture.shape[0], 34.0)
        # A small map still has a title above it.
        widths = [max(picture.shape[1] * cell, 195), *(max(m.shape[1] * cell, 105) for m in (before, after))]
        lefts = [(720 - sum(widths) - 2 * gap) / 2]
        for width in widths[:2]:
            lefts.append(lefts[-1] + width + gap)
        low = min(0.0, float(picture.min()))
        high = max(float(picture.max()), 1.0)
        colours: svg.Colours = "signed" if low < 0 else "grey"
        step = f"{_number(self.down)} down, {_number(self.right)} right"
        titles = [f"Input, moved {step}", "Output before", "Output after the move"]
        parts = [
            svg.text(left, top - 18, title, anchor="start", weight=600)
            for left, title in zip(lefts, titles, strict=True)
        ]
        for left, values in zip(lefts, (picture, before, after), strict=True):
            parts.append(svg.grid(values, left, top, cell, colours, low, high))
        parts.append(svg.marks(zip(*np.nonzero(before != after), strict=True), lefts[2], top, cell))
        tallest = max(picture.shape[0], before.shape[0])
        parts.append(svg.text(lefts[2], top + before.shape[0] * cell + 14, "dashed: changed", 12, svg.QUIET, "start"))
        return svg.drawing(720, top + tallest * cell + 26, label, parts)


MOVES = [
    ("1 pixel along an axis", [(0, 1), (0, -1), (1, 0), (-1, 0)]),
    ("1 pixel to any neighbour", NEIGHBOURS),
    ("2 pixels along an axis", [(0, 2), (0, -2), (2, 0), (-2, 0)]),
]


def move(x: np.ndarray, down: int, right: int) -> np.ndarray:
    """x (H, W) moved by whole pixels on a ground of zeros."""
    height, width = x.shape
    far = max(abs(down), abs(right))
    ground = np.pad(x, far)
    return ground[far - down : far - down + height, far - right : far - right + width]


def _spans(size: int, window: int, stride: int, padding: int, ceil_mode: bool) -> list[tuple[int, int]]:
    """First and behind-last input position of every window along one axis, padding included. Raises ValueError."""
    if 2 * padding > window:
        raise ValueError(f"padding of {padding} is more than half of the window of {window}")
    room = size + 2 * padding - window
    outputs = (room + (stride - 1 if ceil_mode else 0)) // stride + 1
    if ceil_mode and (outputs - 1) * stride >= size + padding:
        outputs -= 1  # a window must begin in the picture or in the padding before it
    if outputs < 1:
        raise ValueError(f"the window covers {window} pixels, but the padded input has only {size + 2 * padding}")
    return [(o * stride - padding, o * stride - padding + window) for o in range(outputs)]


def pool(
    x: np.ndarray, operation: str, window: int, stride: int, padding: int, ceil_mode: bool, count_include_pad: bool
) -> np.ndarray:
    """x (H, W) pooled to (O_h, O_w) as `torch.nn.functional.max_pool2d` and `avg_pool2d` do, or anti-aliased."""
    if operation == "blur":
        dense = pool(x, "max", window, 1, padding, False, True)
        if min(dense.shape) < 2:
            raise ValueError(f"reflection needs two positions at least; the window leaves {_by(dense.shape)}")
        taps = np.array([1, 2, 1])
        padded = np.pad(dense, 1, mode="reflect")
        rows = sum(taps[k] * padded[k : k + dense.shape[0]] for k in range(3))
        both = sum(taps[k] * rows[:, k : k + dense.shape[1]] for k in range(3))
        return both[::stride, ::stride] / 16
    spans = [_spans(size, window, stride, padding, ceil_mode) for size in x.shape]
    counted = padding if count_include_pad else 0
    height, width = x.shape
    output = np.empty((len(spans[0]), len(spans[1])))
    for o, (top, bottom) in enumerate(spans[0]):
        for p, (left, right) in enumerate(spans[1]):
            part = x[max(top, 0) : bottom, max(left, 0) : right]
            if operation == "max":
                output[o, p] = part.max()
            else:
                high = min(bottom, height + counted) - max(top, -counted)
                wide = min(right, width + counted) - max(left, -counted)
                output[o, p] = part.sum() / (high * wide)
    return output


def bright_pixel(operation: str, window: int, stride: int, moves: list[tuple[int, int]]) -> tuple[int, int]:
    """(unchanged, all) moves of one bright pixel far from every border, counted over all starts of whole periods.

    "Unchanged": every value of the output is exactly the same. 8 x 8 starts for strides 1, 2 and 4; 9 x 9 for 3.
    """
    starts, answers = _answers(operation, window, stride)
    inside = [(row, column) for row in range(starts) for column in range(starts)]
    unchanged = sum(
        answers[row, column] == answers[row + down, column + right] for row, column in inside for down, right in moves
    )
    return unchanged, len(inside) * len(moves)


@cache
def _answers(operation: str, window: int, stride: int) -> tuple[int, dict[tuple[int, int], bytes]]:
    """How many starts an axis has, and the output for every place of the pixel, two pixels beyond the starts too."""
    starts = stride * -(-8 // stride)
    margin = stride * -(-(window + 3) // stride)
    answers = {}
    for row in range(-2, starts + 2):
        for column in range(-2, starts + 2):
            x = np.zeros((2 * margin + starts,) * 2)
            x[margin + row, margin + column] = 1
            answers[row, column] = pool(x, operation, window, stride, 0, False, True).tobytes()
    return starts, answers


def _compare(before: np.ndarray, after: np.ndarray) -> str:
    equal, largest = int((before == after).sum()), float(np.abs(before - after).max())
    return f"{equal} of {before.size} values are unchanged, the largest change is {svg.number(largest)}"


def _number(value: int) -> str:
    return svg.number(value)


def _by(*shapes: tuple[int, ...]) -> str:
    return " from ".join(f"{rows} × {columns}" for rows, columns in shapes)
