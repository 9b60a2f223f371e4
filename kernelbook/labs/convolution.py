"""Lab: one kernel slides over one picture, window by window or all at once."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from traitlets import Enum, Float, Int, List, TraitError, Union, validate

from kernelbook import ops
from kernelbook.kernels import NAMED
from kernelbook.labs import svg
from kernelbook.labs.base import Lab, Still
from kernelbook.labs.pictures import matrix, pictures

IMAGES = ("ramp", "step", "digit", "photograph", "wafer", "drawn")
KERNELS = (*NAMED, "custom")
TITLES = {
    "sobel_x": "Sobel X",
    "sobel_y": "Sobel Y",
    "prewitt_x": "Prewitt X",
    "prewitt_y": "Prewitt Y",
    "box_blur": "Box blur",
}
LARGEST_IMAGE, LARGEST_KERNEL = 64, 7


class Convolution(Lab):
    """One kernel over one picture, with the arithmetic of every window, the output's size and what the floor drops.

    In a notebook `labs.Convolution(stride=2)` is enough. `image` and `kernel` also take arrays, which become the
    picture "drawn" and the kernel "custom".

    Args:
        image: "ramp" (1 to 25), "step" (6 x 6, 0 left and 1 right), "digit", "photograph", "wafer" or "drawn".
        pixels: (H, W) numbers of the picture "drawn", at most 64 x 64.
        kernel: a name from :data:`kernelbook.kernels.NAMED`, or "custom".
        weights: (K_h, K_w) numbers of the kernel "custom", at most 7 x 7.
        divisor: the custom kernel is `weights / divisor`.
        stride: S, 1 to 4 pixels. padding: P, 0 to 4 pixels on every side, or "same" as PyTorch means it (stride 1; an
            even window gets the extra row and column at the bottom and on the right).
        padding_mode: what stands outside the picture: "zeros", "reflect", "replicate" or "circular".
        dilation: D, 1 to 3: distance in pixels between neighbouring weights.
        operation: "correlation", what libraries compute, or "convolution", with the kernel turned by 180 degrees.
        row, column: the output pixel whose window is shown.
        show: "map" for the whole output, "steps" to uncover it up to the chosen pixel.
        colours: "signed" for blue, white, orange about zero, "grey", or "automatic": grey where neither
            the kernel nor the picture has a negative number.

    Raises:
        TraitError: for a value outside these. A geometry that PyTorch refuses is shown with its reason.
    """

    image = Enum(IMAGES, "step").tag(sync=True)
    pixels = List(default_value=[[0] * 6] * 3 + [[1] * 6] * 3).tag(sync=True)
    kernel = Enum(KERNELS, "sobel_x").tag(sync=True)
    weights = List(default_value=[[0, 0, 0], [0, 1, 0], [0, 0, 0]]).tag(sync=True)
    divisor = Float(1.0).tag(sync=True)
    stride = Int(1, min=1, max=4).tag(sync=True)
    padding = Union([Int(min=0, max=4), Enum(["same"])], default_value=0).tag(sync=True)
    padding_mode = Enum(tuple(ops.PADDING_MODES), "zeros").tag(sync=True)
    dilation = Int(1, min=1, max=3).tag(sync=True)
    operation = Enum(("correlation", "convolution"), "correlation").tag(sync=True)
    row = Int(0, min=0).tag(sync=True)
    column = Int(0, min=0).tag(sync=True)
    show = Enum(("map", "steps"), "map").tag(sync=True)
    colours = Enum(("automatic", "signed", "grey"), "automatic").tag(sync=True)

    def __init__(
        self, image: str | ArrayLike | None = None, kernel: str | ArrayLike | None = None, **state: Any
    ) -> None:
        for name, array_name, array_choice, value in (
            ("image", "pixels", "drawn", image),
            ("kernel", "weights", "custom", kernel),
        ):
            if isinstance(value, str):
                state[name] = value
            elif value is not None:
                state[name], state[array_name] = array_choice, value
        for name, largest in (("pixels", LARGEST_IMAGE), ("weights", LARGEST_KERNEL)):
            if name in state:
                state[name] = matrix(name, state[name], largest)
        super().__init__(**state)

    @validate("pixels")
    def _check_pixels(self, proposal: Any) -> list[list[float]]:
        return matrix("pixels", proposal["value"], LARGEST_IMAGE)

    @validate("weights")
    def _check_weights(self, proposal: Any) -> list[list[float]]:
        return matrix("weights", proposal["value"], LARGEST_KERNEL)

    @validate("divisor")
    def _check_divisor(self, proposal: Any) -> float:
        if not np.isfinite(proposal["value"]) or proposal["value"] == 0:
            raise TraitError("divisor must be a finite number other than 0")
        return proposal["value"]

    @property
    def picture(self) -> np.ndarray:
        """The picture that is shown, (H, W)."""
        return np.array(self.pixels) if self.image == "drawn" else pictures()[self.image]

    @property
    def scaled_kernel(self) -> tuple[np.ndarray, float]:
        """The kernel as `(weights, divisor)`, (K_h, K_w) and a number: whole weights keep the sums exact."""
        if self.kernel == "custom":
            return np.array(self.weights), self.divisor
        if self.kernel == "box_blur":
            return np.ones((3, 3), int), 9.0
        return NAMED[self.kernel], 1.0

    def _sides(self) -> tuple[tuple[int, int], tuple[int, int]]:
        """Padding as ((top, bottom), (left, right)), "same" worked out."""
        if self.padding != "same":
            return ((self.padding, self.padding),) * 2
        if self.stride != 1:
            raise ValueError("padding='same' needs stride 1: PyTorch refuses any other stride")
        spans = [self.dilation * (k - 1) for k in self.scaled_kernel[0].shape]
        return (spans[0] // 2, spans[0] - spans[0] // 2), (spans[1] // 2, spans[1] - spans[1] // 2)

    def padded(self) -> np.ndarray:
        """The picture with its border, (H + top + bottom, W + left + right). Raises ValueError where PyTorch does."""
        return ops.pad2d(self.picture[None, None], self._sides(), self.padding_mode)[0, 0]

    def output(self) -> np.ndarray:
        """The map that is shown, (O_h, O_w). Raises ValueError for a geometry that PyTorch refuses."""
        weights, divisor = self.scaled_kernel
        if self.operation == "convolution":
            weights = ops.flip(weights)
        x, w = self.padded()[None, None], weights[None, None]
        sums = ops.conv2d(x, w, stride=self.stride, dilation=self.dilation)[0, 0]
        return sums if divisor == 1 else sums / divisor

    def still(self) -> Still:
        caption = "Lab: a kernel slides over a picture; every output is the sum of one window's products."
        try:
            padded, output = self.padded(), self.output()
        except ValueError as error:
            words = f"This geometry has no output: {error}."
            return Still(svg.drawing(720, 60, words, [svg.text(360, 30, words, 14)]), words, caption)
        label, words = self._words(padded, output)
        return Still(self._draw(padded, output, label), words, caption)

    def _position(self, output: np.ndarray) -> tuple[int, int]:
        """The chosen output pixel, kept inside an output that may have become smaller."""
        return min(self.row, output.shape[0] - 1), min(self.column, output.shape[1] - 1)

    def _leftover(self, padded: np.ndarray) -> tuple[int, int]:
        """Rows and columns at the end of the padded picture that no window reads."""
        spans = [self.dilation * (k - 1) + 1 for k in self.scaled_kernel[0].shape]
        return (padded.shape[0] - spans[0]) % self.stride, (padded.shape[1] - spans[1]) % self.stride

    def _words(self, padded: np.ndarray, output: np.ndarray) -> tuple[str, str]:
        """What the lab shows, in one sentence and at length with the marked window's arithmetic."""
        weights, divisor = self.scaled_kernel
        label = (
            f"{self._title()} over the picture “{self.image}” ({_by(self.picture)}), stride {self.stride}, padding "
            f"{self.padding}, dilation {self.dilation}: the output is {_by(output)}, from "
            f"{svg.number(output.min())} to {svg.number(output.max())}."
        )
        row, column = self._position(output)
        window = padded[row * self.stride :: self.dilation, column * self.stride :: self.dilation]
        window = window[: weights.shape[0], : weights.shape[1]]
        taps = ops.flip(weights) if self.operation == "convolution" else weights
        products = " + ".join(
            f"({svg.number(w)})({svg.number(v)})" for w, v in zip(taps.ravel(), window.ravel(), strict=True)
        )
        if divisor != 1:
            products = f"[{products}] / {svg.number(divisor)}"
        words = f"{label} Marked window: {products} = {svg.number(output[row, column])}."
        if output.size <= 64:
            words += f" Rows of the output: {'; '.join(', '.join(map(svg.number, values)) for values in output)}."
        rows, columns = self._leftover(padded)
        if rows or columns:
            words += f" Never read (red): the last {rows} rows and {columns} columns."
        return label, words

    def _title(self) -> str:
        return TITLES.get(self.kernel, self.kernel.capitalize())

    def _draw(self, padded: np.ndarray, output: np.ndarray, label: str) -> str:
        """Kernel, input and output in a row; the maps share one cell size, so that a smaller map looks smaller."""
        weights, divisor = self.scaled_kernel
        picture = self.picture
        kernel_width, gap, top = 150.0, 36.0, 40.0
        columns = padded.shape[1] + output.shape[1]
        cell = min((720 - kernel_width - 2 * gap - 32) / columns, 230 / max(padded.shape), 34.0)
        kernel_cell = kernel_width / max(*weights.shape, 4)
        left = (720 - cell * columns - kernel_width - 2 * gap) / 2
        input_left = left + kernel_width + gap
        output_left = input_left + padded.shape[1] * cell + gap
        tallest = max(padded.shape[0] * cell, weights.shape[0] * kernel_cell)
        middle = top + tallest / 2
        kernel_left = left + (kernel_width - weights.shape[1] * kernel_cell) / 2
        kernel_top = middle - weights.shape[0] * kernel_cell / 2
        input_top, output_top = middle - padded.shape[0] * cell / 2, middle - output.shape[0] * cell / 2

        low, high = min(0.0, float(picture.min())), max(float(picture.max()), 1.0)
        if self.image in ("digit", "photograph", "wafer"):
            high = 255.0
        largest, reach = float(np.abs(weights).max()), float(np.abs(output).max())
        signs = bool((weights / divisor < 0).any()) or low < 0
        signed = self.colours == "signed" or (self.colours == "automatic" and signs)
        in_colours: svg.Colours = "signed" if low < 0 else "grey"
        out_colours: svg.Colours = "signed" if signed else "grey"
        out_low, out_high = (-reach, reach) if signed else (low, high)

        ((above, _), (before, _)) = self._sides()
        border = np.ones(padded.shape, bool)
        border[above : above + picture.shape[0], before : before + picture.shape[1]] = False
        bordered = f", border {self.padding_mode}" if border.any() else ""
        over_rows, over_columns = (cell * n for n in self._leftover(padded))
        width, height = padded.shape[1] * cell, padded.shape[0] * cell
        row, column = self._position(output)
        step = self.stride * cell
        spans = [(self.dilation * (k - 1) + 1) * cell for k in weights.shape]
        parts = [
            svg.text(left + kernel_width / 2, top - 18, self._title(), weight=600),
            svg.text(input_left, top - 18, f"Input {_by(picture)}{bordered}", anchor="start", weight=600),
            svg.text(output_left, top - 18, f"Output {_by(output)}", anchor="start", weight=600),
            svg.grid(weights, kernel_left, kernel_top, kernel_cell, "signed", -largest, largest),
            svg.grid(padded, input_left, input_top, cell, in_colours, low, high, border),
            svg.grid(output, output_left, output_top, cell, out_colours, out_low, out_high),
            svg.text(input_left - gap / 2, middle, "⋆" if self.operation == "correlation" else "∗", 20),
            svg.text(output_left - gap / 2, middle, "=", 20),
            svg.veil(input_left, input_top + height - over_rows, width, over_rows),
            svg.veil(input_left + width - over_columns, input_top, over_columns, height - over_rows),
            svg.outline(input_left + column * step, input_top + row * step, spans[1], spans[0]),
            svg.outline(output_left + column * cell, output_top + row * cell, cell, cell),
        ]
        if divisor != 1:
            below = kernel_top + weights.shape[0] * kernel_cell + 14
            parts.append(svg.text(left + kernel_width / 2, below, f"÷ {svg.number(divisor)}"))
        return svg.drawing(720, top + tallest + 22, label, parts)


def _by(matrix: np.ndarray) -> str:
    return f"{matrix.shape[0]} × {matrix.shape[1]}"
