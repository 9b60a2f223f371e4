"""The book's figures, drawn in one style.

Every function returns a matplotlib `Figure`: as the last line of a cell it is shown, and `figure.axes` lets a reader go
on. Figures are narrow and their letters large, so that they can be read on a telephone; their paper is white and
opaque, so that they can be read on a dark page. Blue is negative and orange positive, which colour-blind readers can
tell apart. The same call gives the same bytes on every run.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import Colormap, LinearSegmentedColormap, Normalize
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

INK, PALE, PAPER = "#1d2733", "#c9d1da", "#ffffff"
BLUE, ORANGE = "#1f5fa8", "#b84a0e"

SIGNED = LinearSegmentedColormap.from_list("signed", [BLUE, "#ffffff", ORANGE])
"""Blue below zero, white at zero, orange above."""

GREY = LinearSegmentedColormap.from_list("grey", ["#000000", "#ffffff"])

HEAT = LinearSegmentedColormap.from_list("heat", ["#ffffff", "#f6c59a", ORANGE, "#5c2103"])
"""White at zero, darker for more."""

STYLE: Any = {
    "figure.dpi": 144,
    "figure.facecolor": PAPER,
    "savefig.facecolor": PAPER,
    "savefig.dpi": "figure",
    "font.family": "DejaVu Sans",  # comes with matplotlib, so letters are the same on every machine
    "font.size": 10,
    "axes.titlesize": 10,
    "axes.facecolor": PAPER,
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "image.interpolation": "nearest",
}
WIDTH = 5.6  # inches

Window = tuple[int, int, int, int]
"""First row, first column, height and width, in pixels."""


def _canvas(rows: int, columns: int, height: float, **options: Any) -> tuple[Figure, np.ndarray]:
    """An empty figure, which the notebook shows only as the last line of a cell, and its axes (rows, columns)."""
    figure, axes = plt.subplots(rows, columns, figsize=(WIDTH, height), squeeze=False, layout="constrained", **options)
    plt.close(figure)
    return figure, axes


def _pictures(arrays: Sequence[Any], titles: Sequence[str] | None) -> tuple[list[np.ndarray], list[str]]:
    pictures = [np.asarray(array) for array in arrays]
    titles = [""] * len(pictures) if titles is None else list(titles)
    if not pictures or any(picture.ndim != 2 or not picture.size for picture in pictures):
        raise ValueError(f"expected one or more (H, W) arrays, got shapes {[p.shape for p in pictures]}")
    if len(titles) != len(pictures):
        raise ValueError(f"expected {len(pictures)} titles, got {len(titles)}")
    return pictures, titles


def _bare(axis: Axes, title: str) -> None:
    """A picture without ticks, under its title."""
    axis.set(title=title, xticks=[], yticks=[])
    axis.spines[:].set_visible(False)


def _scale(pictures: Sequence[np.ndarray], signed: bool) -> Normalize:
    """One scale for all pictures, symmetric about zero if signed."""
    low, high = min(float(p.min()) for p in pictures), max(float(p.max()) for p in pictures)
    if signed:
        most = max(abs(low), abs(high)) or 1.0
        return Normalize(-most, most)
    return Normalize(low, high if high > low else low + 1)


def maps(
    arrays: Sequence[Any],
    titles: Sequence[str] | None = None,
    *,
    columns: int = 3,
    signed: bool | None = None,
    each: bool = False,
    cmap: Colormap | None = None,
    bar: str = "",
) -> Figure:
    """Pictures side by side, `columns` to a row, without numbers.

    arrays: (H, W) each. signed: blue, white and orange about zero; by default where any value is negative, else grey.
    each: every picture gets its own scale, symmetric about zero where it has negative values, instead of one for all.
    cmap: colours instead of these. bar: label of a colour bar beside the last picture of each row; needs one scale.
    Raises ValueError for arrays that are no pictures, or a number of titles that is not theirs.
    """
    pictures, titles = _pictures(arrays, titles)
    if bar and each:
        raise ValueError("a colour bar needs one scale for all pictures: leave out `each`")
    columns = min(columns, len(pictures))
    rows = -(-len(pictures) // columns)
    aspect = max(p.shape[0] / p.shape[1] for p in pictures)
    with matplotlib.rc_context(STYLE):
        figure, axes = _canvas(rows, columns, rows * (aspect * (WIDTH - 0.7 * bool(bar)) / columns + 0.35))
        for axis in axes.ravel()[len(pictures) :]:
            axis.set_visible(False)
        for axis, picture, title in zip(axes.ravel(), pictures, titles, strict=False):
            shown = [picture] if each else pictures
            negative = signed if signed is not None else any((p < 0).any() for p in shown)
            colours = cmap or (SIGNED if negative else GREY)
            drawn = axis.imshow(picture, cmap=colours, norm=_scale(shown, negative))
            _bare(axis, title)
            axis.add_patch(Rectangle((0, 0), 1, 1, transform=axis.transAxes, fill=False, ec=INK, lw=0.8))
        if bar:
            figure.colorbar(drawn, ax=axes.ravel().tolist(), label=bar, shrink=0.8, aspect=16)
    return figure


def tiles(rows: Sequence[Any], titles: Sequence[str] | None = None) -> Figure:
    """Small pictures in rows, each row under its own name: filters, patches, anything that fits a tile.

    rows: arrays (number, H, W, 3) of red, green and blue, or (number, H, W) of grey, from 0 to 1. titles: one a row.
    Raises ValueError for other shapes, values outside 0 to 1, and a number of titles that is not that of the rows.
    """
    arrays = [np.asarray(row) for row in rows]
    if not arrays or any(row.ndim not in (3, 4) or (row.ndim == 4 and row.shape[3] != 3) for row in arrays):
        raise ValueError(f"expected rows (number, H, W) or (number, H, W, 3), got {[row.shape for row in arrays]}")
    if any(row.size and (row.min() < 0 or row.max() > 1) for row in arrays):
        raise ValueError("tiles have values from 0 to 1; scale them first")
    names = [""] * len(arrays) if titles is None else list(titles)
    if len(names) != len(arrays):
        raise ValueError(f"expected {len(arrays)} titles, got {len(names)}")
    columns = max(len(row) for row in arrays)
    with matplotlib.rc_context(STYLE):
        figure, axes = _canvas(len(arrays), columns, len(arrays) * (WIDTH / (columns + 1) + 0.15))
        for line, row, name in zip(axes, arrays, names, strict=True):
            for place, axis in enumerate(line):
                _bare(axis, "")
                if place < len(row):
                    axis.imshow(row[place], cmap=GREY, vmin=0, vmax=1)
            line[0].set_ylabel(name)
    return figure


def grids(
    arrays: Sequence[Any],
    titles: Sequence[str] | None = None,
    *,
    marked: Mapping[int, Sequence[Window]] | None = None,
    signs: str = "",
    unit: float = 0.0,
) -> Figure:
    """Small arrays side by side with their numbers written in: the hand computation, drawn.

    arrays: (H, W) of whole numbers, blue below zero and orange above, on one scale; cells have one size everywhere.
    marked: for an array's place in the row, windows to frame. signs: one character between each two arrays, as "×=".
    unit: the value of full colour; by default each array's largest magnitude.
    Raises ValueError as `maps`, for numbers that are not whole, and for a number of signs that doesn't fit.
    """
    pictures, titles = _pictures(arrays, titles)
    if any((picture != np.round(picture)).any() for picture in pictures):
        raise ValueError("grids writes whole numbers; draw other arrays with maps")
    if signs and len(signs) != len(pictures) - 1:
        raise ValueError(f"expected {len(pictures) - 1} signs between {len(pictures)} arrays, got {len(signs)}")
    widths = [picture.shape[1] for picture in pictures]
    cell = WIDTH / (sum(widths) + 1.2 * (len(widths) - 1))
    tallest = max(picture.shape[0] for picture in pictures)
    with matplotlib.rc_context(STYLE):
        figure = plt.figure(figsize=(WIDTH, min(cell, 0.5) * tallest + 0.45))
        plt.close(figure)
        axis = figure.add_axes((0, 0, 1, 1))
        axis.set(xlim=(-0.1, WIDTH / cell + 0.1), aspect="equal", xticks=[], yticks=[])
        axis.set_ylim(tallest / 2 + 0.1, -tallest / 2 - 0.45 / cell)
        axis.spines[:].set_visible(False)
        left = 0.0
        for place, (picture, title) in enumerate(zip(pictures, titles, strict=True)):
            _grid(axis, picture, left, unit or float(abs(picture).max()) or 1.0, min(11.0, 34 * cell))
            top = -picture.shape[0] / 2
            axis.text(left + picture.shape[1] / 2, top - 0.12 / cell, title, ha="center", va="bottom", fontsize=10)
            for row, column, height, width in (marked or {}).get(place, ()):
                axis.add_patch(
                    Rectangle((left + column, top + row), width, height, fill=False, ec=INK, lw=2.4, zorder=3)
                )
            left += picture.shape[1] + 1.2
            if place < len(signs):
                axis.text(left - 0.6, 0, signs[place], ha="center", va="center", fontsize=14)
    return figure


def _grid(axis: Axes, picture: np.ndarray, left: float, most: float, letters: float) -> None:
    """One array of numbered cells, one unit a side, centred about zero vertically."""
    top = -picture.shape[0] / 2
    for (row, column), value in np.ndenumerate(picture):
        colour = SIGNED(0.5 + 0.5 * np.clip(0.45 * float(value) / most, -1, 1))  # pale, so that ink stays readable
        axis.add_patch(Rectangle((left + column, top + row), 1, 1, fc=colour, ec=PALE, lw=0.8))
        text = f"{int(value)}".replace("-", "−")
        axis.text(left + column + 0.5, top + row + 0.5, text, ha="center", va="center", fontsize=letters)


def spreads(
    values: Mapping[str, Sequence[float]], label: str, *, percent: bool = True, colours: Mapping[str, str] | None = None
) -> Figure:
    """Results over seeds, one line each: every run a dot, the mean a bar and one standard deviation a line.

    values: for each name the results of all seeds, fractions if `percent`. label: what they measure, with its unit.
    colours: a colour for a name; blue by default. Raises ValueError for a name with fewer than two results.
    """
    if not values or any(len(results) < 2 for results in values.values()):
        raise ValueError("a spread needs two results or more for every name")
    with matplotlib.rc_context(STYLE):
        figure, axes = _canvas(1, 1, 0.5 + 0.42 * len(values))
        axis = axes[0, 0]
        for place, (name, results) in enumerate(values.items()):
            numbers = np.asarray(results, float) * (100 if percent else 1)
            mean, deviation = numbers.mean(), numbers.std(ddof=1)
            colour = (colours or {}).get(name, BLUE)
            axis.plot(
                [mean - deviation, mean + deviation],
                [place, place],
                color=colour,
                lw=5,
                alpha=0.35,
                solid_capstyle="butt",
            )
            axis.plot([mean, mean], [place - 0.28, place + 0.28], color=colour, lw=2)
            axis.plot(numbers, np.full(len(numbers), place), "o", color=colour, ms=4, mec=PAPER, mew=0.5)
        axis.set_yticks(range(len(values)), list(values))
        axis.set(xlabel=label, ylim=(len(values) - 0.5, -0.5))
        axis.tick_params(axis="y", length=0)
        axis.grid(axis="x", color=PALE, lw=0.6)
        axis.set_axisbelow(True)
    return figure


def lines(
    x: Sequence[float],
    values: Mapping[str, Sequence[float]],
    across: str,
    up: str,
    *,
    log: str = "",
    limits: Mapping[str, float] | None = None,
    points: Mapping[str, tuple[float, float]] | None = None,
) -> Figure:
    """Curves over one axis, each named at its right end, so that no legend sends the eye away.

    x: the places. values: for each name its numbers there. across, up: labels of the axes, with units. log: "x", "y" or
    "xy" for logarithmic axes. limits: heights, by name, to draw dashed in the colour of the curve of that name.
    points: single places (x, y) to mark and name. Raises ValueError where a curve has not as many values as x.
    """
    if not values or any(len(numbers) != len(x) for numbers in values.values()):
        raise ValueError(f"expected {len(x)} values for each curve, got {[len(v) for v in values.values()]}")
    with matplotlib.rc_context(STYLE):
        figure, axes = _canvas(1, 1, 3.0)
        axis = axes[0, 0]
        axis.set(xlabel=across, ylabel=up)
        axis.set_xscale("log" if "x" in log else "linear")
        axis.set_yscale("log" if "y" in log else "linear")
        for letter in log:  # 10 and 100 rather than powers of ten
            getattr(axis, f"{letter}axis").set_major_formatter("{x:g}")
        colours = dict(zip(values, [BLUE, ORANGE, INK, "#6b7f94"] * len(values), strict=False))
        for name, numbers in values.items():
            axis.plot(x, numbers, color=colours[name], lw=2)
            axis.annotate(
                name, (x[-1], numbers[-1]), (6, 0), textcoords="offset points", va="center", color=colours[name]
            )
        for name, height in (limits or {}).items():
            axis.plot([x[0], x[-1]], [height, height], color=colours.get(name, INK), lw=1, ls=(0, (4, 3)))
        for name, (right, height) in (points or {}).items():
            axis.plot([right], [height], "o", color=INK, ms=5)
            axis.annotate(name, (right, height), (7, -10), textcoords="offset points", color=INK)
        axis.grid(color=PALE, lw=0.6)
        axis.set_axisbelow(True)
    return figure


def runs(
    x: Sequence[float],
    panels: Mapping[str, Mapping[str, Sequence[Sequence[float]]]],
    across: str,
    up: str,
    *,
    log: bool = False,
) -> Figure:
    """Results over seeds as curves: the mean at each place, and one standard deviation above and below.

    x: the places. panels: for each panel, one below the other, its title; in each panel for each name a row of results
    (one for each seed) a place, fractions, drawn in percent. A name has one colour, dash and mark in all panels.
    across, up: labels of the axes. log: logarithmic places. Raises ValueError where rows and places differ in number.
    """
    names = list(dict.fromkeys(name for curves in panels.values() for name in curves))
    if not names or any(len(rows) != len(x) for curves in panels.values() for rows in curves.values()):
        raise ValueError(f"expected {len(x)} rows of results for each of {names}")
    looks = [(INK, ":", "o"), (BLUE, "-", "s"), (ORANGE, "--", "^"), ("#1a7f4b", "-", "D"), ("#8a3ea8", "-.", "v")]
    with matplotlib.rc_context(STYLE):
        figure, axes = _canvas(len(panels), 1, 0.6 + 2.4 * len(panels), sharex=True)
        for axis, (title, curves) in zip(axes[:, 0], panels.items(), strict=True):
            axis.set(title=title, ylabel=up)
            for name, rows in curves.items():
                colour, dash, mark = looks[names.index(name) % len(looks)]
                means = [100 * float(np.mean(row)) for row in rows]
                spread = [100 * float(np.std(row, ddof=1)) for row in rows]
                axis.errorbar(
                    x, means, spread, color=colour, ls=dash, marker=mark, ms=4, lw=1.6, elinewidth=1, label=name
                )
            axis.grid(color=PALE, lw=0.6)
            axis.set_axisbelow(True)
        if log:
            axes[0, 0].set_xscale("log")
            axes[0, 0].minorticks_off()
        axes[-1, 0].set_xticks(list(x), [f"{place:g}" for place in x])
        axes[-1, 0].set_xlabel(across)
        handles = {h.get_label(): h for axis in axes[:, 0] for h in axis.get_legend_handles_labels()[0]}
        figure.legend(handles.values(), handles.keys(), loc="outside upper center", ncols=2, frameon=False)
    return figure


def flow(rows: Mapping[str, Sequence[tuple[str, str]]]) -> Figure:
    """Networks as rows of boxes from left to right, each box (text, kind): "kept" grey, "trained" orange, "new" blue.

    rows: under each title the boxes of one network; "plain" boxes have no colour. Raises ValueError for another kind.
    """
    paint = {
        "plain": (PAPER, INK),
        "kept": ("#e4e8ed", "#57606a"),
        "trained": ("#fbe3d3", ORANGE),
        "new": ("#dce9f7", BLUE),
    }
    most = max((len(boxes) for boxes in rows.values()), default=0)
    if wrong := [kind for boxes in rows.values() for _, kind in boxes if kind not in paint]:
        raise ValueError(f"a box is {', '.join(paint)}, got {wrong[0]!r}")
    with matplotlib.rc_context(STYLE):
        figure, axes = _canvas(1, 1, 1.15 * max(len(rows), 1))
        axis = axes[0, 0]
        for row, (title, boxes) in enumerate(rows.items()):
            axis.text(-0.45, row - 0.42, title, ha="left", va="center", fontsize=9.5, fontweight="bold")
            for place, (text, kind) in enumerate(boxes):
                fill, edge = paint[kind]
                axis.add_patch(Rectangle((place - 0.4, row - 0.22), 0.8, 0.5, fc=fill, ec=edge, lw=1.3))
                axis.text(place, row + 0.03, text, ha="center", va="center", fontsize=8.5, linespacing=1.1)
                if place:
                    arrow = {"arrowstyle": "-|>", "color": INK, "lw": 1.2, "shrinkA": 0, "shrinkB": 0}
                    axis.annotate("", (place - 0.4, row + 0.03), (place - 0.6, row + 0.03), arrowprops=arrow)
        axis.set(xlim=(-0.5, most - 0.5), ylim=(len(rows) - 0.65, -0.6), xticks=[], yticks=[])
        axis.spines[:].set_visible(False)
    return figure


def bars(values: Mapping[str, Mapping[str, float]], label: str, *, digits: int = 1) -> Figure:
    """Numbers of several kinds beside each other, as horizontal bars with the number at their end.

    values: for each kind (a colour) the numbers by name (a row); all kinds have the same names. label: what they
    measure, with its unit. digits: decimals written. Raises ValueError where the names differ.
    """
    names = list(next(iter(values.values()), {}))
    if not names or any(list(numbers) != names for numbers in values.values()):
        raise ValueError(f"expected the same names in every kind, got {[list(n) for n in values.values()]}")
    thick = 0.8 / len(values)
    with matplotlib.rc_context(STYLE):
        figure, axes = _canvas(1, 1, 0.8 + (0.15 + 0.25 * len(values)) * len(names))
        axis = axes[0, 0]
        for place, (kind, numbers) in enumerate(values.items()):
            heights = [row - 0.4 + thick * (place + 0.5) for row in range(len(names))]
            colour = [BLUE, ORANGE, INK][place % 3]
            drawn = axis.barh(heights, list(numbers.values()), 0.9 * thick, color=colour, label=kind)
            axis.bar_label(drawn, fmt=f"%.{digits}f", padding=3, fontsize=9)
        axis.set_yticks(range(len(names)), names)
        axis.set(xlabel=label, ylim=(len(names) - 0.5, -0.5))
        axis.margins(x=0.12)
        axis.tick_params(axis="y", length=0)
        figure.legend(loc="outside upper center", ncols=len(values), frameon=False)
    return figure


def scatter(
    points: Mapping[str, tuple[float, float]], across: str, up: str, *, log: str = "", left: Sequence[str] = ()
) -> Figure:
    """Named points in the plane: (right, height) for each name, which stands beside its dot.

    across, up: labels of the axes, with units. log: "x", "y" or "xy" for logarithmic axes. left: the points whose name
    stands on their left, where there is more room. Raises ValueError for no points, and a name in `left` without one.
    """
    if not points or not set(left) <= set(points):
        raise ValueError(f"expected points, and names among {list(points)}, got {list(left)}")
    with matplotlib.rc_context(STYLE):
        figure, axes = _canvas(1, 1, 3.6)
        axis = axes[0, 0]
        axis.set(xlabel=across, ylabel=up)
        axis.set_xscale("log" if "x" in log else "linear")
        axis.set_yscale("log" if "y" in log else "linear")
        for name, place in points.items():
            axis.plot(*place, "o", color=BLUE, ms=5)
            side, shift = ("right", -7) if name in left else ("left", 7)
            axis.annotate(name, place, (shift, 0), textcoords="offset points", ha=side, va="center", fontsize=8.5)
        axis.margins(x=0.16)
        axis.grid(color=PALE, lw=0.6)
        axis.set_axisbelow(True)
    return figure


def timeline(events: Mapping[str, float]) -> Figure:
    """Years down the page, to scale: a dot at each event's year, and beside it the year and the event's name.

    Events of one year share a line. Raises ValueError where there are fewer than two years.
    """
    by_year: dict[float, list[str]] = {}
    for name, year in events.items():
        by_year.setdefault(year, []).append(name)
    if len(by_year) < 2:
        raise ValueError(f"a timeline needs two years or more, got {sorted(by_year)}")
    years = sorted(by_year)
    with matplotlib.rc_context(STYLE):
        figure, axes = _canvas(1, 1, 0.26 * (years[-1] - years[0] + 1))
        axis = axes[0, 0]
        axis.plot([0, 0], [years[0], years[-1]], color=PALE, lw=2, zorder=0)
        axis.plot([0] * len(years), years, "o", color=BLUE, ms=7)
        for year in years:
            axis.annotate(f"{year:.0f}", (0, year), (-10, 0), textcoords="offset points", ha="right", va="center")
            axis.annotate("  ·  ".join(by_year[year]), (0, year), (10, 0), textcoords="offset points", va="center")
        axis.set(xlim=(-0.15, 1), ylim=(years[-1] + 0.5, years[0] - 0.5), xticks=[], yticks=[])
        axis.spines[:].set_visible(False)
    return figure


def shortcut(layers: Sequence[str], after: str = "") -> Figure:
    """A residual block, from left to right: x, the layers, a plus sign, y, and the path round the layers.

    layers: what stands in each box. after: what stands in a box behind the plus sign. Raises ValueError for no layers.
    """
    if not layers:
        raise ValueError("a block needs at least one layer")
    boxes = [*layers, "+", *([after] if after else [])]
    plus, last = len(layers), len(boxes)
    with matplotlib.rc_context(STYLE):
        figure, axes = _canvas(1, 1, 1.7)
        axis = axes[0, 0]
        arrow = {"arrowstyle": "-|>", "color": INK, "lw": 1.4, "shrinkA": 0, "shrinkB": 0}
        drawn = []
        for place, name in enumerate(["x", *boxes, "y"]):
            bare, layer = place in (0, last + 1), place not in (0, plus + 1, last + 1)
            color = {"fc": "none", "ec": "none"} if bare else {"fc": "#eef3f8", "ec": BLUE, "lw": 1.2}
            box = {"boxstyle": "round,pad=0.5" if layer else "circle", **color}
            drawn.append(axis.text(place, 0, name, ha="center", va="center", fontsize=10 if layer else 12, bbox=box))
        for place, (before, behind) in enumerate(pairwise(text.get_bbox_patch() for text in drawn)):
            ends = {"patchA": before, "patchB": behind}  # an arrow ends where a box begins, however long its name
            axis.annotate("", (place + 1, 0), (place, 0), arrowprops={**arrow, **ends})
        axis.plot([0.22, 0.22, plus + 1], [0, 0.85, 0.85], color=ORANGE, lw=2)
        into = {**arrow, "color": ORANGE, "lw": 2, "patchB": drawn[plus + 1].get_bbox_patch()}
        axis.annotate("", (plus + 1, 0), (plus + 1, 0.85), arrowprops=into)
        axis.text((plus + 1) / 2, 0.93, "x, unchanged", ha="center", va="bottom", color=ORANGE)
        axis.text((plus + 1) / 2, -0.75, "F(x): what to change", ha="center", va="center", color=BLUE)
        axis.set(xlim=(-0.2, last + 1.2), ylim=(-1, 1.3), xticks=[], yticks=[])
        axis.spines[:].set_visible(False)
    return figure


def pipeline(steps: Sequence[tuple[str, str]], columns: int = 4) -> Figure:
    """A network as a row of boxes with arrows between them, `columns` to a line of the page.

    steps: for each box its name, and the shape of what leaves it, written below. Raises ValueError for no steps.
    """
    if not steps:
        raise ValueError("a pipeline needs at least one step")
    rows = -(-len(steps) // columns)
    with matplotlib.rc_context(STYLE):
        figure, axes = _canvas(1, 1, 0.95 * rows + 0.1)
        axis = axes[0, 0]
        arrow = {"arrowstyle": "-|>", "color": INK, "lw": 1.4, "shrinkA": 0, "shrinkB": 0}
        for place, (name, shape) in enumerate(steps):
            row, column = divmod(place, columns)
            box = Rectangle((column + 0.09, -row - 0.3), 0.76, 0.6, fc="#eef3f8", ec=BLUE, lw=1.2)
            axis.add_patch(box)
            axis.text(column + 0.47, -row, name, ha="center", va="center", fontsize=9.5)
            axis.text(column + 0.47, -row - 0.34, shape, ha="center", va="top", fontsize=8.5, color=BLUE)
            if column:
                axis.annotate("", (column + 0.09, -row), (column - 0.15, -row), arrowprops=arrow)
            elif row:  # from the end of the line above
                axis.annotate("", (0.08, -row), (-0.12, -row), arrowprops=arrow)
        axis.set(xlim=(-0.15, columns), ylim=(-rows + 0.38, 0.42), xticks=[], yticks=[])
        axis.spines[:].set_visible(False)
    return figure


def confusion(matrix: Any, names: Sequence[str]) -> Figure:
    """How often each class (row) was called each class (column): counts, darker for a larger share of their row.

    matrix: (classes, classes) whole numbers; zeros are left blank. Raises ValueError where names and matrix differ.
    """
    counts = np.asarray(matrix)
    if counts.shape != (len(names), len(names)):
        raise ValueError(f"expected a ({len(names)}, {len(names)}) matrix for {len(names)} names, got {counts.shape}")
    shares = counts / np.maximum(counts.sum(1, keepdims=True), 1)
    with matplotlib.rc_context(STYLE):
        figure, axes = _canvas(1, 1, WIDTH * 0.92)
        axis = axes[0, 0]
        axis.imshow(shares, cmap=HEAT, norm=Normalize(0, 1))
        for (row, column), count in np.ndenumerate(counts):
            colour = PAPER if shares[row, column] > 0.5 else INK
            axis.text(column, row, f"{count}" if count else "", ha="center", va="center", color=colour, fontsize=9)
        axis.set_xticks(range(len(names)), names, rotation=45, ha="right")
        axis.set_yticks(range(len(names)), names)
        axis.set(xlabel="what the network said", ylabel="what it was")
        axis.tick_params(length=0)
    return figure
