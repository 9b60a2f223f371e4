"""The labs' still pictures: grids of numbers as plain SVG text, with their own colours and the same bytes on every run.

Lengths are SVG user units. Small grids are drawn cell by cell with their numbers; large ones as one uncompressed
bitmap inside the SVG, since a compressor's bytes differ from machine to machine.
"""

import base64
import html
import struct
from collections.abc import Iterable
from typing import Literal

import numpy as np

Colours = Literal["grey", "signed"]

INK, QUIET, ACCENT = "#1c2128", "#57606a", "#c2185b"
_NEGATIVE, _POSITIVE = (0x24, 0x65, 0xAB), (0xA8, 0x4C, 0x08)
LARGEST_NUMBERED = 10
"""Grids with more rows or columns than this are drawn without numbers."""
SMALLEST_TEXT = 7.2
"""Grids whose numbers would be smaller than this are drawn without them."""


def number(value: float) -> str:
    """A number as the labs print it: whole numbers whole, others to two decimals, with a real minus sign."""
    rounded = round(float(value), 2) + 0.0
    text = str(int(rounded)) if rounded == int(rounded) and abs(value - rounded) < 1e-9 else f"{rounded:.2f}"
    return text.replace("-", "−")


def power_of_ten(power: int) -> str:
    """10 to a whole power as an axis shows it: 1, 1,000, 10⁶."""
    return f"{10**power:,}" if power < 6 else "10" + "".join("⁰¹²³⁴⁵⁶⁷⁸⁹"[int(digit)] for digit in str(power))


def text(
    x: float, y: float, words: str, size: float = 13, fill: str = INK, anchor: str = "middle", weight: int = 400
) -> str:
    """One line of text whose vertical middle is at y."""
    return (
        f'<text x="{x:g}" y="{y:g}" font-size="{size:g}" fill="{fill}" text-anchor="{anchor}" '
        f'dominant-baseline="central" font-weight="{weight}">{html.escape(words)}</text>'
    )


def colour(value: float, low: float, high: float, colours: Colours) -> tuple[int, int, int]:
    """Red, green, blue (0 to 255) of a value: black to white over [low, high], or blue, white, orange about zero."""
    if colours == "grey":
        share = 0.0 if high == low else min(max((value - low) / (high - low), 0.0), 1.0)
        level = round(30 + 225 * share)
        return level, level, level
    reach = max(abs(low), abs(high)) or 1.0
    share = min(abs(value) / reach, 1.0)
    end = _POSITIVE if value > 0 else _NEGATIVE
    red, green, blue = (round(255 + (channel - 255) * share) for channel in end)
    return red, green, blue


def ink_on(rgb: tuple[int, int, int]) -> str:
    """Black or white, whichever is easier to read on rgb (WCAG 2 relative luminance)."""
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in (v / 255 for v in rgb)]
    luminance = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
    return "#000" if luminance > 0.179 else "#fff"


def _bitmap(values: np.ndarray, low: float, high: float, colours: Colours) -> str:
    """A data address with values (H, W) as an 8-bit BMP: 256 palette entries, rows from the bottom up."""
    reach = max(abs(low), abs(high)) or 1.0
    start, stop = (low, high) if colours == "grey" else (-reach, reach)
    span = (stop - start) or 1.0
    palette = b"".join(
        struct.pack("<4B", *reversed(colour(start + span * level / 255, low, high, colours)), 0) for level in range(256)
    )
    levels = np.clip(np.round(np.round((values - start) / span * 255, 6)), 0, 255).astype(np.uint8)
    height, width = levels.shape
    rows = np.pad(levels[::-1], ((0, 0), (0, -width % 4))).tobytes()
    offset = 14 + 40 + len(palette)
    head = struct.pack("<2sIHHI", b"BM", offset + len(rows), 0, 0, offset)
    info = struct.pack("<IiiHHIIiiII", 40, width, height, 1, 8, 0, len(rows), 2835, 2835, 256, 256)
    return "data:image/bmp;base64," + base64.b64encode(head + info + palette + rows).decode()


def grid(
    values: np.ndarray,
    x: float,
    y: float,
    cell: float,
    colours: Colours,
    low: float,
    high: float,
    faint: np.ndarray | None = None,
) -> str:
    """Values (H, W) as a grid with its top left corner at (x, y), coloured over [low, high].

    faint: (H, W) booleans; such cells of a numbered grid are drawn pale, as a border that is not the picture.
    """
    rows, columns = values.shape
    frame = (
        f'<rect x="{x:g}" y="{y:g}" width="{columns * cell:g}" height="{rows * cell:g}" fill="none" stroke="{QUIET}"/>'
    )
    longest = max(len(number(float(value))) for value in values.ravel())
    smallest = min(0.42, 1.5 / longest) * cell
    if max(rows, columns) > LARGEST_NUMBERED or smallest < SMALLEST_TEXT:
        area = f'width="{columns * cell:g}" height="{rows * cell:g}"'
        return (
            f'<image x="{x:g}" y="{y:g}" {area} preserveAspectRatio="none" '
            f'style="image-rendering:pixelated" href="{_bitmap(values, low, high, colours)}"/>{frame}'
        )
    parts = []
    for (row, column), value in np.ndenumerate(values):
        rgb = colour(float(value), low, high, colours)
        if faint is not None and faint[row, column]:
            rgb = (228, 230, 233)
        left, top, shown = x + column * cell, y + row * cell, number(float(value))
        red, green, blue = rgb
        parts.append(
            f'<rect x="{left:g}" y="{top:g}" width="{cell:g}" height="{cell:g}" '
            f'fill="#{red:02x}{green:02x}{blue:02x}" stroke="#8c959f" stroke-width="0.5"/>'
        )
        size = min(0.42 * cell, 1.5 * cell / max(len(shown), 1))
        parts.append(text(left + cell / 2, top + cell / 2, shown, round(size, 2), ink_on(rgb)))
    return "\n".join([*parts, frame])


def compact_grid(values: np.ndarray, x: float, y: float, cell: float, colours: Colours, low: float, high: float) -> str:
    """`grid` in fewer bytes, for drawings of many maps: one path a colour, one group of numbers an ink."""
    size = min(0.42, 1.5 / max(len(number(float(value))) for value in values.ravel())) * cell
    if max(values.shape) > LARGEST_NUMBERED or size < SMALLEST_TEXT:
        return grid(values, x, y, cell, colours, low, high)
    cells: dict[str, str] = {}
    numbers: dict[str, str] = {}
    for (row, column), value in np.ndenumerate(values):
        rgb = colour(float(value), low, high, colours)
        red, green, blue = rgb
        left, top = x + column * cell, y + row * cell
        fill = f"#{red:02x}{green:02x}{blue:02x}"
        cells[fill] = cells.get(fill, "") + f"M{left:g} {top:g}h{cell:g}v{cell:g}h{-cell:g}z"
        shown = f'<text x="{left + cell / 2:g}" y="{top + cell / 2:g}">{number(float(value))}</text>'
        numbers[ink_on(rgb)] = numbers.get(ink_on(rgb), "") + shown
    look = f'font-size="{size:g}" text-anchor="middle" dominant-baseline="central"'
    parts = [f'<path fill="{fill}" stroke="#8c959f" stroke-width="0.5" d="{path}"/>' for fill, path in cells.items()]
    parts += [f'<g fill="{ink}" {look}>{texts}</g>' for ink, texts in numbers.items()]
    return "\n".join(parts)


def veil(x: float, y: float, width: float, height: float) -> str:
    """A red veil over what no window reads; nothing where it has no area."""
    if width <= 0 or height <= 0:
        return ""
    return f'<rect x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}" fill="#a3231c" fill-opacity="0.45"/>'


def outline(x: float, y: float, width: float, height: float) -> str:
    """The frame that marks a window or the output it gives."""
    box = f'x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}" fill="none"'
    return f'<rect {box} stroke="#fff" stroke-width="5"/><rect {box} stroke="{ACCENT}" stroke-width="2.5"/>'


def marks(places: Iterable[tuple[int, int]], x: float, y: float, cell: float) -> str:
    """Dashed squares in the cells (row, column) of a grid at (x, y); nothing where there are none."""
    inset, side = 0.1 * cell, 0.8 * cell
    path = "".join(
        f"M{x + column * cell + inset:g} {y + row * cell + inset:g}h{side:g}v{side:g}h{-side:g}z"
        for row, column in places
    )
    look = f'fill="none" stroke="{ACCENT}" stroke-width="1.6" stroke-dasharray="3.5 2"'
    return path and f'<path d="{path}" {look}/>'


def drawing(width: float, height: float, label: str, parts: Iterable[str]) -> str:
    """One `<svg>` on white paper, readable in any theme, with its message as the accessible name."""
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height:g}" role="img" '
        f'aria-label="{html.escape(label)}" style="width:100%;max-width:{width:g}px;height:auto" '
        f'font-family="system-ui,sans-serif">\n'
        f'<rect width="{width:g}" height="{height:g}" rx="8" fill="#fff"/>\n'
        + "\n".join(filter(None, parts))
        + "\n</svg>"
    )
