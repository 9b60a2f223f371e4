"""Procedural textured shapes: a source task for transfer learning, and a way to ask what a network looks at.

A picture shows one object, cut out of one texture, on a plain ground. Its class names both, as in "stripes disc", and
every texture comes with every outline, so that a network has to learn either to get them all right. Choose the
classes and it becomes another experiment: learn from pictures in which texture and outline always go together, then
look at one in which they don't, and see which of the two the network had learned (the question of Geirhos et al. 2019,
"ImageNet-trained CNNs are biased towards texture").

How a picture is made: place, size, turn and outline of the object; scale, direction and contrast of its texture;
brightness of object and ground, and a little noise, are drawn anew for each. Four outlines of one size have the same
area, and all textures have about the same mean and contrast, so neither gives the class away.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from kernelbook.data.drawing import labelled

Floats = NDArray[np.float32]

TEXTURES = ("stripes", "checks", "dots", "clouds", "grain")
OUTLINES = ("disc", "square", "triangle", "cross")
TEXTURED_SHAPES = tuple(f"{texture} {outline}" for texture in TEXTURES for outline in OUTLINES)


def textures(
    number: int, size: int | tuple[int, int] = 32, seed: int = 0, classes: Sequence[str] = TEXTURED_SHAPES
) -> tuple[Floats, NDArray[np.int64]]:
    """Draw labelled pictures of textured shapes.

    number: how many pictures.
    size: height and width in pixels, at least 16 each; one number for a square. The shorter side sets the scale.
    seed: the same seed gives the same pictures.
    classes: which classes to draw from, each "texture outline" and with equal chance; a label is an index into this
        sequence. For fewer questions at a time, join labels: with the default order `labels // len(OUTLINES)` is the
        texture and `labels % len(OUTLINES)` the outline.

    Returns `(images, labels)`: images (number, 1, H, W) float32 from 0 (black) to 1 (white); labels (number,) int64.

    Raises ValueError for an unknown class, a picture smaller than 16 pixels or a negative number.
    """
    height, width = (size, size) if isinstance(size, int) else size
    if unknown := [name for name in classes if name not in TEXTURED_SHAPES]:
        raise ValueError(
            f"unknown class {unknown[0]!r}: one of {', '.join(TEXTURES)}, a space, and one of {', '.join(OUTLINES)}"
        )
    if not classes:
        raise ValueError("classes is empty: name at least one textured shape")
    if min(height, width) < 16:
        raise ValueError(f"a textured shape needs at least 16 x 16 pixels, got {height} x {width}")
    if number < 0:
        raise ValueError(f"number of pictures must not be negative, got {number}")

    return labelled(number, _grid(height, width), seed, classes, _draw)


def _grid(height: int, width: int) -> tuple[Floats, Floats]:
    """Coordinates (y, x) of every pixel's centre, each (1, H, W); the shorter side runs from -1 to 1."""
    row, column = np.indices((height, width))
    half = min(height, width) / 2
    y, x = (row + 0.5 - height / 2) / half, (column + 0.5 - width / 2) / half
    return y[None].astype(np.float32), x[None].astype(np.float32)


def _draw(name: str, number: int, grid: tuple[Floats, Floats], random: np.random.Generator) -> Floats:
    """(number, H, W) pictures of one class."""
    texture, outline = name.split()
    y, x = grid
    object_size = _uniform(random, number, 0.4, 0.6)
    down = y - _uniform(random, number, -0.25, 0.25)
    right = x - _uniform(random, number, -0.25, 0.25)
    turn = _uniform(random, number, -np.pi, np.pi)
    v = ((down * np.cos(turn) - right * np.sin(turn)) / object_size).astype(np.float32)
    u = ((right * np.cos(turn) + down * np.sin(turn)) / object_size).astype(np.float32)
    pixel = 2 / min(y.shape[1:])
    inside = np.clip(0.5 - _OUTLINES[outline](v, u) * object_size / pixel, 0, 1)  # one pixel of soft edge

    pattern = _TEXTURES[texture](number, y, x, random)
    ground = _uniform(random, number, 0.3, 0.7)
    level = np.clip(ground + _uniform(random, number, -0.12, 0.12), 0.3, 0.7)
    shown = ground + inside * (level - ground + _uniform(random, number, 0.18, 0.3) * pattern)
    noise = random.standard_normal((number, *y.shape[1:]), dtype=np.float32)
    return np.clip(shown + np.float32(0.03) * noise, 0, 1)


def _uniform(random: np.random.Generator, number: int, low: float, high: float) -> Floats:
    """(number, 1, 1) numbers, one for each picture."""
    return random.uniform(low, high, (number, 1, 1)).astype(np.float32)


# Outlines: below 0 inside, above outside, about as far from the edge as the value says. All have area pi.


def _disc(v: Floats, u: Floats) -> Floats:
    return np.hypot(u, v) - 1


def _square(v: Floats, u: Floats) -> Floats:
    return np.maximum(np.abs(u), np.abs(v)) - np.float32(np.pi**0.5 / 2)


def _triangle(v: Floats, u: Floats) -> Floats:
    """Equilateral: three sides, each at the radius of the inscribed circle from the middle."""
    slanted = np.abs(u) * np.float32(3**0.5 / 2) + v * np.float32(0.5)
    return np.maximum(slanted, -v) - np.float32((np.pi / 27**0.5) ** 0.5)


def _cross(v: Floats, u: Floats) -> Floats:
    """Two bars, three times as long as wide: five squares in all."""
    half = np.float32((np.pi / 20) ** 0.5)
    across, along = np.abs(u), np.abs(v)
    return np.minimum(np.maximum(across - 3 * half, along - half), np.maximum(along - 3 * half, across - half))


_OUTLINES: dict[str, Callable[[Floats, Floats], Floats]] = {
    "disc": _disc,
    "square": _square,
    "triangle": _triangle,
    "cross": _cross,
}


# Textures: (number, H, W) with mean about 0 and standard deviation about 1, one wavelength of 0.3 to 0.5 half-sides.


def _axes(number: int, y: Floats, x: Floats, random: np.random.Generator) -> tuple[Floats, Floats]:
    """Two phases (number, H, W) at right angles, in radians, turned and shifted at random."""
    turn, wave = _uniform(random, number, -np.pi, np.pi), 2 * np.pi / _uniform(random, number, 0.3, 0.5)
    first = (x * np.cos(turn) + y * np.sin(turn)) * wave + _uniform(random, number, 0, 2 * np.pi)
    second = (y * np.cos(turn) - x * np.sin(turn)) * wave + _uniform(random, number, 0, 2 * np.pi)
    return first, second


def _stripes(number: int, y: Floats, x: Floats, random: np.random.Generator) -> Floats:
    return np.sin(_axes(number, y, x, random)[0]) * np.float32(2**0.5)


def _checks(number: int, y: Floats, x: Floats, random: np.random.Generator) -> Floats:
    first, second = _axes(number, y, x, random)
    return np.sin(first) * np.sin(second) * 2


def _dots(number: int, y: Floats, x: Floats, random: np.random.Generator) -> Floats:
    """Bright or dark round spots on a square lattice."""
    first, second = _axes(number, y, x, random)
    spots = np.exp(np.float32(1.4) * (np.cos(first) + np.cos(second)))
    sign = np.where(random.random((number, 1, 1)) < 0.5, np.float32(-1), np.float32(1))
    return sign * (spots - np.float32(2.44)) / np.float32(3.27)


def _clouds(number: int, y: Floats, x: Floats, random: np.random.Generator) -> Floats:
    """Waves of one length in all directions: as coarse as stripes, with no direction."""
    wave, waves = 2 * np.pi / _uniform(random, number, 0.3, 0.5), 7
    total = np.zeros((number, *y.shape[1:]), np.float32)
    for _ in range(waves):
        turn = _uniform(random, number, -np.pi, np.pi)
        phase = _uniform(random, number, 0, 2 * np.pi)
        total += np.sin(x * (wave * np.cos(turn)) + y * (wave * np.sin(turn)) + phase)
    return total * np.float32((2 / waves) ** 0.5)


def _grain(number: int, y: Floats, x: Floats, random: np.random.Generator) -> Floats:
    """Every pixel by itself."""
    return random.standard_normal((number, *y.shape[1:]), dtype=np.float32)


_TEXTURES: dict[str, Callable[[int, Floats, Floats, np.random.Generator], Floats]] = {
    "stripes": _stripes,
    "checks": _checks,
    "dots": _dots,
    "clouds": _clouds,
    "grain": _grain,
}
