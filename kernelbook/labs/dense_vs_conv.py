"""Lab: what a dense, a locally connected and a convolutional layer cost on the same picture."""

import math
from dataclasses import dataclass

from traitlets import Bool, Enum, Int

from kernelbook.labs import svg
from kernelbook.labs.base import Lab, Still

NAMES = {
    "units": "Dense, to a few numbers",
    "maps": "Dense, to whole maps",
    "local": "Locally connected",
    "conv": "Convolution",
}
OF = {
    "parameters": "Parameters",
    "multiply_adds": "Multiply-adds for one picture",
    "memory": "Bytes of memory in training",
}


@dataclass(frozen=True)
class Cost:
    """One layer on a picture, in whole numbers."""

    outputs: int  # numbers that the layer returns for one picture
    weights: int
    biases: int
    multiply_adds: int  # for one picture
    activation_bytes: int  # input and output of the whole batch, both needed for the backward pass

    @property
    def parameters(self) -> int:
        return self.weights + self.biases

    @property
    def memory(self) -> int:
        """Bytes in training: float32 parameters, a gradient and Adam's two states for each, and the activations."""
        return 16 * self.parameters + self.activation_bytes


class DenseVsConv(Lab):
    """Parameters, multiply-adds and training memory of four layers on one picture of size x size x channels.

    Three of them return the same maps, so that their numbers can be compared: dense, locally connected (a window for
    every pixel, with weights of its own) and convolutional. The fourth, a dense layer to a few numbers, is what books
    usually compare with; it does less. Stride 1, padded so that the maps keep the picture's size; multiply-adds with
    the zeros of the border count, as libraries count them.

    Args:
        size: H = W of the picture, 1 to 1,024 pixels.
        channels: C_in, 1 to 2,048.
        maps: C_out of the last three layers, 1 to 2,048.
        kernel: K, 1 to 15.
        units: how many numbers the first layer returns, 1 to 16,384.
        bias: whether the layers have biases: one for each output of the first three, one for each map of the last.
        batch: pictures in a batch, 1 to 1,024; only activations grow with it.
        quantity: what the bars show: "parameters", "multiply_adds" (for one picture) or "memory" (bytes in training
            with Adam in float32: 16 for each parameter, 4 for each number that goes in or comes out).

    Raises:
        TraitError: for a value outside these.
    """

    size = Int(224, min=1, max=1024).tag(sync=True)
    channels = Int(3, min=1, max=2048).tag(sync=True)
    maps = Int(32, min=1, max=2048).tag(sync=True)
    kernel = Int(3, min=1, max=15).tag(sync=True)
    units = Int(1024, min=1, max=16384).tag(sync=True)
    bias = Bool(False).tag(sync=True)
    batch = Int(1, min=1, max=1024).tag(sync=True)
    quantity = Enum(("parameters", "multiply_adds", "memory"), "parameters").tag(sync=True)

    def costs(self) -> dict[str, Cost]:
        """What each layer costs: "units", "maps" (dense), "local" (locally connected) and "conv"."""
        pixels, window = self.size**2, self.kernel**2 * self.channels
        inputs, maps = pixels * self.channels, pixels * self.maps

        def cost(outputs: int, weights: int, biases: int, multiply_adds: int) -> Cost:
            return Cost(
                outputs, weights, biases if self.bias else 0, multiply_adds, 4 * self.batch * (inputs + outputs)
            )

        return {
            "units": cost(self.units, inputs * self.units, self.units, inputs * self.units),
            "maps": cost(maps, inputs * maps, maps, inputs * maps),
            "local": cost(maps, maps * window, maps, maps * window),
            "conv": cost(maps, window * self.maps, self.maps, maps * window),
        }

    def still(self) -> Still:
        costs = self.costs()
        values = {name: int(getattr(cost, self.quantity)) for name, cost in costs.items()}
        label = (
            f"{OF[self.quantity]} of four layers on a picture of {self.size} × {self.size} × {self.channels}, with "
            f"{self.maps} maps and kernels of {self.kernel} × {self.kernel}"
        )
        saved = [
            _times(costs[more].weights, costs[less].weights) for more, less in (("maps", "local"), ("local", "conv"))
        ]
        words = (
            f"{label}: dense to {self.units:,} numbers {values['units']:,}; dense to the whole maps "
            f"{values['maps']:,}; locally connected {values['local']:,}; convolution {values['conv']:,}. The last "
            f"three return the same {costs['conv'].outputs:,} numbers. Of their weights locality leaves one in "
            f"{saved[0]}, and sharing one of those in {saved[1]}."
        )
        caption = "Lab: what locality and sharing save, for layers that return the same and for one that does less."
        return Still(self._draw(values, label), words, caption)

    def _draw(self, values: dict[str, int], label: str) -> str:
        """A bar a layer on a logarithmic scale, with its value and how it compares with the convolution."""
        left, width, top, row = 210.0, 360.0, 58.0, 46.0
        end = max(3, *(3 * math.ceil(math.log10(value) / 3 - 1e-9) for value in values.values()))
        parts = [svg.text(20, 26, f"{OF[self.quantity]}, on a logarithmic scale", 14, anchor="start", weight=600)]
        bottom = top + row * len(values)
        for power in range(0, end + 1, 3 if end <= 15 else 6):
            x = left + width * power / end
            parts.append(
                f'<line x1="{x:g}" y1="{top - 8:g}" x2="{x:g}" y2="{bottom:g}" stroke="#d4d9df" stroke-width="1"/>'
            )
            parts.append(svg.text(x, bottom + 14, svg.power_of_ten(power), 12, svg.QUIET))
        for index, (name, value) in enumerate(values.items()):
            y = top + row * index + 12
            length = max(3.0, width * math.log10(value) / end)
            colour = svg.ACCENT if name == "conv" else "#2465ab"
            times = "the yardstick" if name == "conv" else f"{_times(value, values['conv'])} × the convolution"
            parts += [
                svg.text(left - 12, y + 3, NAMES[name], 13, anchor="end", weight=600),
                f'<rect x="{left:g}" y="{y - 4:g}" width="{length:.2f}" height="14" rx="2" fill="{colour}"/>',
                svg.text(left + width + 16, y - 2, f"{value:,}", 13, anchor="start", weight=600),
                svg.text(left + width + 16, y + 14, times, 11, svg.QUIET, anchor="start"),
            ]
        return svg.drawing(780, bottom + 34, label, parts)


def _times(one: int, other: int) -> str:
    """How many times one count is another: whole from 1,000 on, else to one or two decimals."""
    digits = 0 if one >= 1000 * other else 1 if one >= 10 * other else 2
    scaled = (2 * one * 10**digits + other) // (2 * other)
    text = f"{scaled // 10**digits:,}"
    rest = str(scaled % 10**digits).rjust(digits, "0").rstrip("0") if digits else ""
    return f"{text}.{rest}" if rest else text
