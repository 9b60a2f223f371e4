"""Single grey pictures and handwritten digits, all bundled with scikit-learn or made here."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from sklearn.datasets import load_digits, load_sample_image

from kernelbook.data.wafers import wafers

IMAGE_NAMES = ("ramp", "step", "digit", "photograph", "wafer")

_SIZES = {"ramp": 5, "step": 6, "digit": 16, "photograph": 48, "wafer": 32}


def image(name: str, size: int | None = None) -> NDArray[np.float64]:
    """One of the five grey pictures that chapters and labs share, as whole numbers.

    name: "ramp" (1, 2, 3, ... row by row), "step" (0 in the left half, 1 in the right), "digit" (a handwritten 3),
        "photograph" (a Chinese pavilion) or "wafer" (a wafer map with a scratch).
    size: height and width in pixels; by default 5, 6, 16, 48 and 32.

    Returns (size, size) float64. Ramp and step count from their own units; the others are grey levels 0 to 255. All are
    whole numbers, so that sums of products with whole-number kernels are exact.

    Raises ValueError for an unknown name or a size below 2 (below 8 for a wafer).
    """
    if name not in IMAGE_NAMES:
        raise ValueError(f"unknown image {name!r}: choose from {', '.join(IMAGE_NAMES)}")
    size = _SIZES[name] if size is None else size
    if size < 2:
        raise ValueError(f"an image needs at least 2 x 2 pixels, got {size} x {size}")
    if name == "ramp":
        return np.arange(1.0, size * size + 1).reshape(size, size)
    if name == "step":
        return np.repeat((np.arange(size) >= size // 2)[None].astype(float), size, axis=0)
    if name == "wafer":
        return np.round(255 * wafers(1, size, seed=7, classes=("scratch",))[0][0, 0].astype(float))
    if name == "digit":
        picture = Image.fromarray(np.round(load_digits().images[3] / 16 * 255).astype(np.uint8))
        return np.asarray(picture.resize((size, size), Image.Resampling.BILINEAR), float)
    china = Image.fromarray(load_sample_image("china.jpg")).convert("L").crop((130, 60, 430, 360))
    return np.asarray(china.resize((size, size), Image.Resampling.LANCZOS), float)


def digits() -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """The 1,797 handwritten digits bundled with scikit-learn (Alpaydin and Kaynak, UCI repository).

    Returns `(images, labels)`: images (1797, 1, 8, 8) float32 from 0 (paper) to 1 (ink), labels (1797,) int64.
    """
    bunch = load_digits()
    return (bunch.images[:, None] / 16).astype(np.float32), bunch.target.astype(np.int64)
