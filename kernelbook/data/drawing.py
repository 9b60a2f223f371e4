"""What all pictures drawn by rule share: labels first, then each class in chunks, all from one seeded generator."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Grid = tuple[Floats, Floats]

CHUNK = 256  # pictures drawn at a time: large enough for NumPy to be quick, small enough to stay in cache


def labelled(
    number: int,
    grid: Grid,
    seed: int,
    classes: Sequence[str],
    draw: Callable[[str, int, Grid, np.random.Generator], Floats],
) -> tuple[Floats, NDArray[np.int64]]:
    """Draw `number` labelled pictures: images (number, 1, H, W) and labels (number,), indices into `classes`.

    grid: coordinates (y, x) of the pixels' centres, each (1, H, W).
    draw: makes (n, H, W) pictures of one class from its name, n, the grid and the generator.
    """
    random = np.random.default_rng(seed)
    labels = random.integers(len(classes), size=number)
    images = np.empty((number, 1, *grid[0].shape[1:]), np.float32)
    for label, name in enumerate(classes):
        members = np.flatnonzero(labels == label)
        for start in range(0, len(members), CHUNK):
            chunk = members[start : start + CHUNK]
            images[chunk, 0] = draw(name, len(chunk), grid, random)
    return images, labels
