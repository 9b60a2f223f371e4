"""Random numbers that are a function of a seed and a place, equal to the page's (lib/seeded.js)."""

import numpy as np
from numpy.typing import ArrayLike, NDArray


def bits(seed: int, index: ArrayLike) -> NDArray[np.uint32]:
    """Whole numbers from 0 to 2^32 - 1, one for each index (the mixing steps of mulberry32)."""
    with np.errstate(over="ignore"):
        places = (np.asarray(index, np.int64) + 1).astype(np.uint32)
        a = np.uint32(seed * 0x9E3779B1 & 0xFFFFFFFF) + places * np.uint32(0x6D2B79F5)
        a = (a ^ (a >> np.uint32(15))) * (a | np.uint32(1))
        a ^= a + (a ^ (a >> np.uint32(7))) * (a | np.uint32(61))
        return a ^ (a >> np.uint32(14))


def uniform(seed: int, index: ArrayLike) -> NDArray[np.float64]:
    """Uniform on [0, 1)."""
    return bits(seed, index) / 2.0**32


def normals(seed: int, count: int) -> NDArray[np.float64]:
    """Standard normal numbers by pairs of uniform ones (Box and Muller 1958), (count,)."""
    pairs = uniform(seed, np.arange(count + count % 2)).reshape(-1, 2)
    radius, angle = np.sqrt(-2 * np.log(1 - pairs[:, 0])), 2 * np.pi * pairs[:, 1]
    return np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1).ravel()[:count]
