"""Lab: how many windows fit along one axis, which columns they read, and what is left after a chain of layers."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from traitlets import Int, List, validate

from kernelbook import ops, pooling
from kernelbook.labs import svg
from kernelbook.labs.base import Lab, Still
from kernelbook.labs.stack import layer_rows

KINDS = ("conv", "pool", "pool ceil", "conv same")
_POOL, _CEIL, _SAME = 1, 2, 3
MOST_LAYERS, LARGEST_SIZE = 24, 256


@dataclass(frozen=True)
class Step:
    """One layer along one axis. Columns are counted from 0; negative ones lie in the padding."""

    kind: int
    kernel: int
    stride: int
    dilation: int
    size: int  # columns that come in
    before: int  # columns of padding
    after: int
    output: int

    @property
    def span(self) -> int:
        """Columns from the first tap of a window to its last."""
        return self.dilation * (self.kernel - 1) + 1

    @property
    def end(self) -> int:
        """The column behind the last one that is drawn: that of the padding, or of a window that hangs over."""
        return max(self.size + self.after, (self.output - 1) * self.stride - self.before + self.span)

    def taps(self, window: int) -> range:
        """The columns under the taps of a window, those outside the input included."""
        first = window * self.stride - self.before
        return range(first, first + self.span, self.dilation)

    def unread(self) -> list[int]:
        """The columns that no window reads."""
        seen = {column for window in range(self.output) for column in self.taps(window)}
        return [column for column in range(self.size) if column not in seen]


def step(size: int, layer: Sequence[int]) -> Step:
    """The geometry of one layer [kind, K, S, P, D] on `size` columns. Raises ValueError where PyTorch refuses."""
    kind, kernel, stride, padding, dilation = layer
    before = after = padding
    if kind in (_POOL, _CEIL):
        output = pooling.output_size(size, kernel, stride, padding, dilation, ceil_mode=kind == _CEIL)
    else:
        if kind == _SAME:
            if stride != 1:
                raise ValueError("padding 'same' needs stride 1: PyTorch refuses any other stride")
            before, after = ops.same_padding(size, kernel, 1, dilation)
        output = ops.output_size(size, kernel, stride, (before, after), dilation)
    return Step(kind, kernel, stride, dilation, size, before, after, output)


class OutputSize(Lab):
    """The output size of one layer on a ruler, window by window, and of a chain of convolutions and poolings.

    One axis at a time: rows and columns never mix. In a notebook: `labs.OutputSize(size=224)`, or
    `labs.OutputSize(layers=[("conv", 7, 2, 3, 1), ("pool", 3, 2, 1, 1)])`.

    Args:
        size: W, columns of the input, 1 to 256.
        layers: rows (kind, K, S, P, D), at most 24. kind is "conv", "pool", "pool ceil" (ceil_mode: a last window may
            hang over the end, but must begin inside the input or in the padding before it) or "conv same" (PyTorch's
            padding="same", whatever P says; an odd column goes to the end), or their number, 0 to 3.
        layer: which layer the ruler shows, from 1; the last one that fits if that is not among them.
        window: which of its windows is marked, from 0; the last one if there are fewer.

    Raises:
        TraitError: for a value outside these. A layer that PyTorch refuses is shown with its reason.
    """

    size = Int(6, min=1, max=LARGEST_SIZE).tag(sync=True)
    layers = List(default_value=[[0, 3, 2, 0, 1]]).tag(sync=True)
    layer = Int(1, min=1, max=MOST_LAYERS).tag(sync=True)
    window = Int(0, min=0).tag(sync=True)

    def __init__(self, layers: Sequence[Sequence[Any]] | None = None, **state: Any) -> None:
        if layers is not None:
            state["layers"] = layer_rows(layers, KINDS, MOST_LAYERS)
        super().__init__(**state)

    @validate("layers")
    def _check_layers(self, proposal: Any) -> list[list[int]]:
        return layer_rows(proposal["value"], KINDS, MOST_LAYERS)

    def steps(self) -> tuple[list[Step], str]:
        """The layers that fit, and why the next one doesn't ("" where all do)."""
        done: list[Step] = []
        size = self.size
        for number, layer in enumerate(self.layers, 1):
            try:
                done.append(step(size, layer))
            except ValueError as error:
                return done, f"Layer {number} has no output: {error}."
            size = done[-1].output
        return done, ""

    def still(self) -> Still:
        caption = "Lab: windows on a ruler. How many fit, which columns they read, and what the next layer gets."
        steps, error = self.steps()
        if not steps:
            words = f"{self.size} columns. {error}"
            return Still(svg.drawing(720, 60, words, [svg.text(360, 30, words, 14)]), words, caption)
        index = min(self.layer, len(steps)) - 1
        shown = steps[index]
        window = min(self.window, shown.output - 1)
        chain = " → ".join(map(str, [self.size, *(s.output for s in steps)]))
        label = f"{_title(index, shown)}. Sizes along the chain: {chain}"
        reads = [column for column in shown.taps(window) if 0 <= column < shown.size]
        words = f"{label}. Marked: window {window}, which reads {_columns(reads)}."
        unread = shown.unread()
        words += f" No window reads {_columns(unread)} (red)." if unread else " Every column is read."
        if error:
            words += f" {error}"
        return Still(self._draw(index, shown, window, chain, label), words, caption)

    def _draw(self, index: int, s: Step, window: int, chain: str, label: str) -> str:
        """The input as a row of cells, a line for every window below it (at most 9), outputs at the bottom."""
        total, left, top = s.before + s.end, 20.0, 62.0
        cell = min(680 / total, 30.0)
        height = min(26.0, cell) if total <= 40 else 22.0
        unread = set(s.unread())
        marked = set(s.taps(window))
        parts = [svg.text(left, 22, _title(index, s), 14, anchor="start", weight=600)]

        def box(column: float, y: float, tall: float, style: str, inset: float = 0.0) -> str:
            x = left + (column + s.before) * cell + inset
            return f'<rect x="{x:.2f}" y="{y:g}" width="{cell - 2 * inset:.2f}" height="{tall:g}" {style}/>'

        every = next(n for n in (1, 2, 5, 10, 20, 50) if total / n <= 26)
        for column in range(-s.before, s.end):
            if 0 <= column < s.size:
                fill = "#fbd5e3" if column in marked else "#e3b4b1" if column in unread else "#f6f7f9"
                parts.append(box(column, top, height, f'fill="{fill}" stroke="#868e99" stroke-width="0.75"'))
                if column % every == 0:
                    x = left + (column + s.before + 0.5) * cell
                    parts.append(svg.text(x, top - 11, str(column), 11, svg.QUIET))
            else:
                dashes = "3 3" if -s.before <= column < s.size + s.after else "1 3"
                style = f'fill="none" stroke="#868e99" stroke-width="0.75" stroke-dasharray="{dashes}"'
                parts.append(box(column, top, height, style))
        windows = range(s.output) if s.output <= 9 else sorted({*range(7), window, s.output - 1})
        y = top + height + 16
        for number in windows:
            colour = svg.ACCENT if number == window else "#2465ab"
            begin = left + (s.taps(number)[0] + s.before) * cell
            parts.append(
                f'<line x1="{begin:.2f}" y1="{y:g}" x2="{begin + s.span * cell:.2f}" y2="{y:g}" stroke="{colour}"/>'
            )
            parts += [box(column, y - 4, 8, f'fill="{colour}"', cell * 0.1) for column in s.taps(number)]
            y += 13
        note = "" if s.output <= 9 else f" ({len(windows)} of {s.output} windows drawn)"
        parts.append(svg.text(left, y + 16, f"Sizes along the chain: {chain}{note}", 13, anchor="start"))
        return svg.drawing(720, y + 36, label, parts)


def _title(index: int, s: Step) -> str:
    padding = f"{s.before}" if s.before == s.after else f"{s.before} before and {s.after} after"
    return (
        f"Layer {index + 1}: {KINDS[s.kind]}, K = {s.kernel}, S = {s.stride}, P = {padding}, D = {s.dilation}: "
        f"{s.size} → {s.output}"
    )


def _columns(columns: list[int]) -> str:
    if not columns:
        return "only padding"
    if len(columns) > 12:
        return f"{len(columns)} columns, from {columns[0]} to {columns[-1]}"
    return f"column{'s' if len(columns) > 1 else ''} {', '.join(map(str, columns))}"
