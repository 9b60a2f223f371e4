"""The pictures that labs share, the same as on the page, and the check of pictures that come from outside."""

import base64
import json
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from traitlets import TraitError


@cache
def pictures() -> dict[str, np.ndarray]:
    """The pictures that the page carries too, so that both draw the same."""
    packed = json.loads((Path(__file__).parent / "lib" / "images.json").read_text())
    grey = {
        name: np.frombuffer(base64.b64decode(p["data"]), np.uint8).reshape(p["height"], p["width"]).astype(int)
        for name, p in packed.items()
    }
    return {
        **grey,
        "ramp": np.arange(1, 26).reshape(5, 5),
        "step": np.repeat([[0, 0, 0, 1, 1, 1]], 6, axis=0),
    }


def matrix(name: str, value: Any, largest: int) -> list[list[float]]:
    """Rows of plain finite numbers, whole ones as int; TraitError says what else came."""
    try:
        array = np.asarray(value, dtype=float)
    except (TypeError, ValueError) as error:
        raise TraitError(f"{name} must be rows of numbers, all of one length: {error}") from None
    if array.ndim != 2 or not 1 <= min(array.shape) <= max(array.shape) <= largest or not np.isfinite(array).all():
        raise TraitError(
            f"{name} must be a matrix of finite numbers, 1 x 1 to {largest} x {largest}, got shape {array.shape}"
        )
    return [[int(v) if v == int(v) else float(v) for v in row] for row in array.tolist()]


def noise(size: int) -> np.ndarray:
    """Whole numbers 0 to 255 without any pattern, (size, size): xorshift32 from seed 1, as lib/pictures.js has it."""
    x, values = 1, []
    for _ in range(size * size):
        x ^= (x << 13) & 0xFFFFFFFF
        x ^= x >> 17
        x ^= (x << 5) & 0xFFFFFFFF
        values.append((x >> 8) & 255)
    return np.array(values).reshape(size, size)
