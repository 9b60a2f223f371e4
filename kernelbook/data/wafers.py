"""Procedural wafer maps: the running example of the book.

A chip maker tests every die on a silicon wafer and draws the result as a map. The *pattern* of the failed dies tells
which machine is at fault: a ring at the rim points to the etcher, a thin line to a robot arm that scratched the
surface. Engineers sort the maps into nine classes; the names are those of the public WM-811K collection (Wu, Jang and
Chen 2015, "Wafer map failure pattern recognition and similarity ranking for large-scale data sets", IEEE Transactions
on Semiconductor Manufacturing 28). The maps here are drawn by rule, so there are as many as one likes and none to
download.

How a map is made: each die fails by itself with a small background probability (dust), and with a larger one where
the fault of its class struck. Where it struck, how wide, how hard and how cleanly is drawn anew for every map.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from kernelbook.data.drawing import labelled

Floats = NDArray[np.float32]

CLASSES = ("none", "center", "donut", "edge-loc", "edge-ring", "loc", "near-full", "random", "scratch")

# Grey levels of a map.
NO_DIE, PASSED, FAILED = 0.0, 0.5, 1.0


def wafers(
    number: int, size: int | tuple[int, int] = 32, seed: int = 0, classes: Sequence[str] = CLASSES
) -> tuple[Floats, NDArray[np.int64]]:
    """Draw labelled wafer maps.

    number: how many maps.
    size: height and width in dies, at least 8 each; one number for a square map. The wafer fills the map.
    seed: the same seed gives the same maps.
    classes: which classes to draw from, each with equal chance; a label is an index into this sequence.

    Returns `(images, labels)`: images (number, 1, H, W) float32 with 0 where there is no die, 0.5 for a die that
    passed and 1 for one that failed; labels (number,) int64.

    Raises ValueError for an unknown class, a map smaller than 8 dies or a negative number.
    """
    return labelled(number, _checked(number, size, classes), seed, classes, _draw)


def faults(
    number: int, size: int | tuple[int, int] = 32, seed: int = 0, classes: Sequence[str] = CLASSES
) -> tuple[Floats, NDArray[np.int64]]:
    """Where the fault of each wafer struck, for the very wafers that `wafers` draws from the same arguments.

    Returns `(struck, labels)`: struck (number, 1, H, W) float32, each die's probability to fail by the fault of its
    wafer's class, without the dust; 0 where there is no die. Raises ValueError as `wafers` does.
    """
    return labelled(number, _checked(number, size, classes), seed, classes, _strike)


def _checked(number: int, size: int | tuple[int, int], classes: Sequence[str]) -> tuple[Floats, Floats]:
    """The grid of dies, if all arguments make sense."""
    height, width = (size, size) if isinstance(size, int) else size
    if unknown := [name for name in classes if name not in CLASSES]:
        raise ValueError(f"unknown wafer class {unknown[0]!r}: choose from {', '.join(CLASSES)}")
    if not classes:
        raise ValueError("classes is empty: name at least one wafer class")
    if min(height, width) < 8:
        raise ValueError(f"a wafer map needs at least 8 x 8 dies, got {height} x {width}")
    if number < 0:
        raise ValueError(f"number of wafers must not be negative, got {number}")

    return _grid(height, width)


def _grid(height: int, width: int) -> tuple[Floats, Floats]:
    """Coordinates (y, x) of every die's centre, each (1, H, W); the wafer is the unit disc."""
    row, column = np.indices((height, width), dtype=np.float32)
    y, x = (2 * row + 1) / np.float32(height) - 1, (2 * column + 1) / np.float32(width) - 1
    return y[None].astype(np.float32), x[None].astype(np.float32)


def _draw(name: str, number: int, grid: tuple[Floats, Floats], random: np.random.Generator) -> Floats:
    """(number, H, W) maps of one class."""
    return _drawn(name, number, grid, random)[0]


def _strike(name: str, number: int, grid: tuple[Floats, Floats], random: np.random.Generator) -> Floats:
    """(number, H, W) probabilities of one class's fault; draws all that `_draw` draws, to stay in step with it."""
    return _drawn(name, number, grid, random)[1]


def _drawn(name: str, number: int, grid: tuple[Floats, Floats], random: np.random.Generator) -> tuple[Floats, Floats]:
    """Maps of one class and where its fault struck, (number, H, W) each."""
    y, x = grid
    struck = _PATTERNS[name](number, y, x, random)
    dust = _uniform(random, number, 0.02, 0.10)
    failure = 1 - (1 - dust) * (1 - struck)
    failed = random.random((number, *y.shape[1:]), dtype=np.float32) < failure
    outside = x**2 + y**2 > 1
    maps = np.where(outside, np.float32(NO_DIE), np.where(failed, np.float32(FAILED), np.float32(PASSED)))
    return maps, np.where(outside, np.float32(0), struck)


def _uniform(random: np.random.Generator, number: int, low: float, high: float) -> Floats:
    """(number, 1, 1) numbers, one for each map."""
    return random.uniform(low, high, (number, 1, 1)).astype(np.float32)


def _soft(distance: Floats, softness: float = 0.05) -> Floats:
    """1 where `distance` is well below 0, 0 well above, a smooth edge of width `softness` (wafer radii) between."""
    return 1 / (1 + np.exp(np.clip(distance / softness, -30, 30)))


def _none(number: int, y: Floats, x: Floats, random: np.random.Generator) -> Floats:
    return np.zeros((number, 1, 1), np.float32)


def _center(number: int, y: Floats, x: Floats, random: np.random.Generator) -> Floats:
    """A disc about the middle: uneven deposition."""
    away = np.hypot(y - _uniform(random, number, -0.1, 0.1), x - _uniform(random, number, -0.1, 0.1))
    return _uniform(random, number, 0.5, 0.9) * _soft(away - _uniform(random, number, 0.2, 0.4))


def _donut(number: int, y: Floats, x: Floats, random: np.random.Generator) -> Floats:
    """A ring between the middle and the rim: uneven spin coating."""
    away = np.hypot(y - _uniform(random, number, -0.1, 0.1), x - _uniform(random, number, -0.1, 0.1))
    ring = np.abs(away - _uniform(random, number, 0.4, 0.6)) - _uniform(random, number, 0.08, 0.16)
    return _uniform(random, number, 0.5, 0.9) * _soft(ring)


def _edge_loc(number: int, y: Floats, x: Floats, random: np.random.Generator) -> Floats:
    """A patch at the rim: a clamp that touched."""
    direction = _uniform(random, number, -np.pi, np.pi)
    turn = np.abs((np.arctan2(y, x) - direction + np.pi) % (2 * np.pi) - np.pi)
    inside = np.maximum(
        _uniform(random, number, 0.7, 0.85) - np.hypot(y, x), turn - _uniform(random, number, 0.25, 0.8)
    )
    return _uniform(random, number, 0.5, 0.9) * _soft(inside)


def _edge_ring(number: int, y: Floats, x: Floats, random: np.random.Generator) -> Floats:
    """The whole rim: an etcher that is colder at its wall."""
    return _uniform(random, number, 0.5, 0.9) * _soft(_uniform(random, number, 0.8, 0.9) - np.hypot(y, x))


def _loc(number: int, y: Floats, x: Floats, random: np.random.Generator) -> Floats:
    """A patch anywhere between the middle and the rim: a particle under the wafer."""
    direction, away = _uniform(random, number, -np.pi, np.pi), _uniform(random, number, 0.35, 0.6)
    tilt, stretch = _uniform(random, number, 0, np.pi), _uniform(random, number, 1.0, 2.0)
    down, right = y - away * np.sin(direction), x - away * np.cos(direction)
    along, across = right * np.cos(tilt) + down * np.sin(tilt), down * np.cos(tilt) - right * np.sin(tilt)
    distance = np.hypot(along / stretch, across)
    return _uniform(random, number, 0.5, 0.9) * _soft(distance - _uniform(random, number, 0.12, 0.22))


def _near_full(number: int, y: Floats, x: Floats, random: np.random.Generator) -> Floats:
    """Nearly every die: a step that was left out."""
    return _uniform(random, number, 0.75, 0.95) + 0 * x


def _random(number: int, y: Floats, x: Floats, random: np.random.Generator) -> Floats:
    """Many dies everywhere, in no order: a dirty room."""
    return _uniform(random, number, 0.2, 0.4) + 0 * x


def _scratch(number: int, y: Floats, x: Floats, random: np.random.Generator) -> Floats:
    """A thin curved line: a robot arm that touched the surface."""
    direction, bend = _uniform(random, number, -np.pi, np.pi), _uniform(random, number, -0.9, 0.9)
    length, width = _uniform(random, number, 0.6, 1.3), 1.1 / min(y.shape[1:])
    start_y, start_x = _uniform(random, number, -0.5, 0.5), _uniform(random, number, -0.5, 0.5)
    distance = np.full((number, *y.shape[1:]), 4, np.float32)
    for step in np.linspace(-0.5, 0.5, 2 * max(y.shape[1:]), dtype=np.float32):
        heading = direction + bend * step
        down, right = start_y + length * step * np.sin(heading), start_x + length * step * np.cos(heading)
        np.minimum(distance, (y - down) ** 2 + (x - right) ** 2, out=distance)
    return _uniform(random, number, 0.7, 1.0) * (distance < width**2)


_PATTERNS: dict[str, Callable[[int, Floats, Floats, np.random.Generator], Floats]] = {
    "none": _none,
    "center": _center,
    "donut": _donut,
    "edge-loc": _edge_loc,
    "edge-ring": _edge_ring,
    "loc": _loc,
    "near-full": _near_full,
    "random": _random,
    "scratch": _scratch,
}
