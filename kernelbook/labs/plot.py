"""Still plots: axes, ticks and lines as SVG text, the counterpart of lib/plot.js. Lengths are SVG user units."""

import math
from collections.abc import Iterable, Sequence

import numpy as np

from kernelbook.labs import svg

_SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def power_of_ten(exponent: int) -> str:
    """1, 10 or 10 with its exponent raised."""
    return {0: "1", 1: "10"}.get(exponent) or f"10{str(exponent).translate(_SUPERSCRIPTS)}"


def scientific(value: float) -> str:
    """A number of any size to two or three digits, as the page prints it."""
    if value == 0 or not math.isfinite(value):
        return "0" if value == 0 else "none"
    exponent = math.floor(math.log10(abs(value)) + 1e-12)
    if -3 <= exponent < 4:
        return f"{float(f'{value:.3g}'):g}".replace("-", "−")
    return f"{value / 10.0**exponent:.1f} × {power_of_ten(exponent)}".replace("-", "−")


def decades(values: Iterable[float]) -> tuple[float, float]:
    """Whole decades that hold every positive finite value, at least two of them."""
    logs = [math.log10(v) for v in values if v > 0 and math.isfinite(v)]
    if not logs:
        return 0.1, 10.0
    low, high = math.floor(min(logs) + 1e-9), math.ceil(max(logs) - 1e-9)
    if high - low >= 2:
        return 10.0**low, 10.0**high
    return (10.0**low, 10.0 ** (low + 2)) if high > low else (10.0 ** (low - 1), 10.0 ** (low + 1))


class Axes:
    """A frame with ticks. What lies below a logarithmic axis, 0 included, stands on its edge.

    left, top, width, height: the area that the data has; ticks and titles stand outside it.
    x, y: (low, high) in the data's units. log_x, log_y: logarithmic axes.
    """

    def __init__(
        self,
        left: float,
        top: float,
        width: float,
        height: float,
        x: tuple[float, float],
        y: tuple[float, float],
        log_x: bool = False,
        log_y: bool = False,
    ) -> None:
        self.left, self.top, self.width, self.height = left, top, width, height
        self._x, self._y, self._log_x, self._log_y = x, y, log_x, log_y

    @staticmethod
    def _share(value: float, limits: tuple[float, float], log: bool) -> float:
        low, high = (math.log10(v) for v in limits) if log else limits
        at = (math.log10(value) if value > 0 else low) if log else value
        return min(max((at - low) / (high - low), 0.0), 1.0)

    def x(self, value: float) -> float:
        """From the data's unit to SVG's."""
        return self.left + self.width * self._share(value, self._x, self._log_x)

    def y(self, value: float) -> float:
        """From the data's unit to SVG's."""
        return self.top + self.height * (1 - self._share(value, self._y, self._log_y))

    def frame(
        self, title: str, x_title: str, x_ticks: Sequence[tuple[float, str]], y_ticks: Sequence[tuple[float, str]] = ()
    ) -> str:
        """The frame with its titles; a logarithmic y axis finds its own ticks where none are given."""
        if not y_ticks:
            low, high = (round(math.log10(v)) for v in self._y)
            step = -(-(high - low + 1) // 6)
            y_ticks = [(10.0**e, power_of_ten(e)) for e in range(low, high + 1) if e % step == 0]
        right, bottom = self.left + self.width, self.top + self.height
        rule = 'stroke="#d4d9df" fill="none"'
        parts = [svg.text(self.left, self.top - 16, title, 13, anchor="start", weight=600)]
        for value, label in y_ticks:
            parts.append(f'<path d="M{self.left:g} {self.y(value):.1f}H{right:g}" {rule}/>')
            parts.append(svg.text(self.left - 6, round(self.y(value), 1), label, 11, svg.QUIET, "end"))
        for value, label in x_ticks:
            parts.append(f'<path d="M{self.x(value):.1f} {self.top:g}V{bottom:g}" {rule}/>')
            parts.append(svg.text(round(self.x(value), 1), bottom + 13, label, 11, svg.QUIET))
        parts.append(f'<path d="M{self.left:g} {self.top:g}V{bottom:g}H{right:g}" stroke="{svg.QUIET}" fill="none"/>')
        parts.append(svg.text(self.left + self.width / 2, bottom + 30, x_title, 12))
        return "\n".join(parts)

    def line(self, xs: Iterable[float], ys: Iterable[float], colour: str, dashes: str = "") -> str:
        """A line through points; it breaks where a value is not a number."""
        steps, pen = [], "M"
        for x, y in zip(xs, ys, strict=True):
            if not np.isfinite(y):
                pen = "M"
                continue
            steps.append(f"{pen}{self.x(x):.1f} {self.y(y):.1f}")
            pen = "L"
        dashed = f' stroke-dasharray="{dashes}"' if dashes else ""
        return f'<path d="{"".join(steps)}" fill="none" stroke="{colour}" stroke-width="2.2"{dashed}/>'
