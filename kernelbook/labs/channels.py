"""Lab: which channels a pixel of an output map reads, and what that costs, for five kinds of convolution."""

from traitlets import Enum, Int

from kernelbook import costs as reckon
from kernelbook import ops
from kernelbook.labs import svg
from kernelbook.labs.base import Lab, Still

LAYERS = {
    "standard": "Standard",
    "grouped": "Grouped",
    "depthwise": "Depthwise",
    "pointwise": "Pointwise, 1 × 1",
    "separable": "Depthwise separable",
}


class Channels(Lab):
    """Who reads whom: one pixel's connections between channels in five kinds of layer, and what each kind costs.

    Standard, grouped, depthwise, pointwise and separable; with the saving of the last and its limit K^2.
    Weights are counted without biases; multiply-adds for one picture whose output maps are size x size.

    Args:
        c_in: C_in, input channels, 1 to 2,048. c_out: C_out, output maps, 1 to 2,048.
        kernel: K, 1 to 11.
        groups: G of the grouped layer, 1 to 2,048; it must divide both numbers of channels.
        size: height and width of the output maps, 1 to 512 pixels.
        layer: the kind that is drawn: "standard", "grouped", "depthwise" (G = C_in; C_out may be any multiple of it),
            "pointwise" (1 x 1) or "separable" (depthwise, then pointwise).
        output: the output map whose connections are marked, from 0; the last one if there are fewer.
        quantity: what the bars show: "parameters" or "multiply_adds".

    Raises:
        TraitError: for a value outside these. A layer that PyTorch refuses is shown with its reason.
    """

    c_in = Int(64, min=1, max=2048).tag(sync=True)
    c_out = Int(128, min=1, max=2048).tag(sync=True)
    kernel = Int(3, min=1, max=11).tag(sync=True)
    groups = Int(2, min=1, max=2048).tag(sync=True)
    size = Int(56, min=1, max=512).tag(sync=True)
    layer = Enum(tuple(LAYERS), "separable").tag(sync=True)
    output = Int(0, min=0, max=2047).tag(sync=True)
    quantity = Enum(("parameters", "multiply_adds"), "parameters").tag(sync=True)

    def costs(self) -> dict[str, tuple[int, int] | None]:
        """(weights, multiply-adds) of each kind of layer; None where PyTorch refuses it."""

        def one(c_out: int, kernel: int, groups: int) -> tuple[int, int] | None:
            try:
                return (
                    ops.parameters(self.c_in, c_out, kernel, groups, False),
                    ops.multiply_adds(self.c_in, c_out, kernel, (self.size, self.size), groups),
                )
            except ValueError:
                return None

        first, second = one(self.c_in, self.kernel, self.c_in), one(self.c_out, 1, 1)
        assert first is not None
        assert second is not None
        return {
            "standard": one(self.c_out, self.kernel, 1),
            "grouped": one(self.c_out, self.kernel, self.groups),
            "depthwise": one(self.c_out, self.kernel, self.c_in),
            "pointwise": second,
            "separable": (first[0] + second[0], first[1] + second[1]),
        }

    @property
    def saving(self) -> float:
        """How many times less a separable layer costs than a standard one."""
        return reckon.saving(self.c_out, self.kernel)

    def _values(self) -> dict[str, int | None]:
        index = 0 if self.quantity == "parameters" else 1
        return {name: cost and cost[index] for name, cost in self.costs().items()}

    def still(self) -> Still:
        values = self._values()
        counted = "Weights" if self.quantity == "parameters" else f"Multiply-adds for {self.size} × {self.size} maps"
        label = f"{counted} from {self.c_in} to {self.c_out} channels with {self.kernel} × {self.kernel} kernels"
        parts = [
            f"{name.lower()} {f'(G = {self.groups}) ' if key == 'grouped' else ''}"
            f"{'is not possible' if (value := values[key]) is None else f'{value:,}'}"
            for key, name in LAYERS.items()
        ]
        left = 1 / self.c_out + 1 / self.kernel**2
        words = (
            f"{label}: {'; '.join(parts)}. Of a standard layer a separable one leaves 1/C_out + 1/K² = {left:.3f}, "
            f"which is {svg.number(self.saving)} times less; with endlessly many maps it would be {self.kernel**2}."
        )
        caption = "Lab: standard, grouped, depthwise, pointwise and separable layers, wire by wire and in numbers."
        return Still(self._draw(values, label), words, caption)

    def _draw(self, values: dict[str, int | None], label: str) -> str:
        """Bands between two columns of channels for each kind of layer, with its cost below."""
        parts = [svg.text(20, 24, label, 14, anchor="start", weight=600)]
        groups = {"standard": 1, "grouped": self.groups, "depthwise": self.c_in, "pointwise": 1}
        for index, (key, name) in enumerate(LAYERS.items()):
            left, top, wide, tall = 24 + 142 * index, 64, 104, 132
            parts.append(svg.text(left + wide / 2, top - 16, name, 12, weight=600))
            value = values[key]
            if value is None:
                parts.append(svg.text(left + wide / 2, top + tall / 2, "not possible", 12, "#a3231c"))
                continue
            stages = [self.c_in, 1] if key == "separable" else [groups[key]]
            counts = [self.c_in] * len(stages) + [self.c_out]
            step = (wide - 8) / len(stages)
            for stage, bands in enumerate(stages):
                shown = min(bands, 16)  # more would be thinner than a line
                for band in range(shown):
                    a, b = top + tall * band / shown, top + tall * (band + 1) / shown - (1 if shown > 1 else 0)
                    x = left + 8 + stage * step
                    outline = f"M{x:.1f} {a:.1f}H{x + step - 8:.1f}V{b:.1f}H{x:.1f}z"
                    parts.append(f'<path d="{outline}" fill="#2465ab" fill-opacity="0.28"/>')
            for column, count in enumerate(counts):
                x = left + column * step
                parts.append(f'<rect x="{x:.1f}" y="{top}" width="8" height="{tall}" fill="#2465ab"/>')
                parts.append(svg.text(x + 4, top + tall + 13, str(count), 11, svg.QUIET))
            parts.append(svg.text(left + wide / 2, top + tall + 36, f"{value:,}", 13, weight=600))
        parts.append(
            svg.text(
                20,
                262,
                f"Saving of the separable layer: {svg.number(self.saving)} times; limit K² = {self.kernel**2}",
                13,
                anchor="start",
            )
        )
        return svg.drawing(730, 286, label, parts)
