"""Single grey pictures, handwritten digits and colour photographs, all bundled with scikit-learn or made here."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from sklearn.datasets import load_digits, load_sample_image

from kernelbook.data.wafers import wafers

IMAGE_NAMES = ("ramp", "step", "digit", "photograph", "wafer")

PHOTOGRAPHS = ("china", "flower")

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


def photograph(name: str) -> NDArray[np.float32]:
    """One of scikit-learn's two bundled colour photographs, whole: (3, 427, 640) float32 from 0 to 1.

    name: "china" (a pavilion) or "flower" (a dahlia). Licence: CC BY 2.0, their authors and addresses are in
        `sklearn.datasets.load_sample_images().DESCR`. Raises ValueError for another name.
    """
    if name not in PHOTOGRAPHS:
        raise ValueError(f"unknown photograph {name!r}: choose from {', '.join(PHOTOGRAPHS)}")
    return (load_sample_image(f"{name}.jpg") / np.float32(255)).transpose(2, 0, 1).astype(np.float32)


def photographs(
    number: int, size: int | tuple[int, int] = 32, seed: int = 0, part: str = "all"
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Colour patches cut at random from the two photographs: real pixels, real colours.

    number: how many patches. size: height and width in pixels, one number for a square, 1 to 427 high and 1 to 640
        wide (320 for a half). seed: the same seed gives the same patches.
    part: "all", or "left" or "right" to cut from that half only: patches for training and for testing then share no
        pixel, though they still come from the same two photographs.

    Returns `(images, labels)`: images (number, 3, H, W) float32 from 0 to 1, red, green, blue; labels (number,) int64,
    0 for the pavilion and 1 for the flower, with equal chance.

    Raises ValueError for an unknown part, a size that doesn't fit or a negative number.
    """
    height, width = (size, size) if isinstance(size, int) else size
    if part not in ("all", "left", "right"):
        raise ValueError(f"part must be all, left or right, got {part!r}")
    pictures = np.stack([photograph(name) for name in PHOTOGRAPHS])
    middle = pictures.shape[3] // 2
    pictures = {"all": pictures, "left": pictures[..., :middle], "right": pictures[..., middle:]}[part]
    rows, columns = pictures.shape[2] - height + 1, pictures.shape[3] - width + 1
    if min(height, width) < 1 or min(rows, columns) < 1:
        most = " x ".join(str(n) for n in pictures.shape[2:])
        raise ValueError(f"a patch must be 1 x 1 to {most} pixels, got {height} x {width}")
    if number < 0:
        raise ValueError(f"number of patches must not be negative, got {number}")
    random = np.random.default_rng(seed)
    labels = random.integers(len(PHOTOGRAPHS), size=number)
    top, left = random.integers(rows, size=number), random.integers(columns, size=number)
    images = np.empty((number, 3, height, width), np.float32)
    for place, (label, row, column) in enumerate(zip(labels, top, left, strict=True)):
        images[place] = pictures[label, :, row : row + height, column : column + width]
    return images, labels
