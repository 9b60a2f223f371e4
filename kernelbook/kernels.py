"""Kernels that people designed by hand, before anyone learned them.

Each is a 3 x 3 window for cross-correlation (no flip), read-only; the integer ones are exact. `NAMED` maps the names
that the labs use to them. Sources: Prewitt 1970; Sobel and Feldman 1968; Gonzalez and Woods, Digital Image Processing.
"""

from collections.abc import Iterable

import numpy as np


def _fixed(rows: Iterable[Iterable[float]], divisor: int = 1) -> np.ndarray:
    kernel = np.array(rows)
    kernel = kernel / divisor if divisor != 1 else kernel
    kernel.flags.writeable = False
    return kernel


IDENTITY = _fixed([[0, 0, 0], [0, 1, 0], [0, 0, 0]])
"""Gives the picture back."""

SOBEL_X = _fixed([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]])
"""Brightness to the right minus to the left: finds vertical edges. The outer product of [1, 2, 1] and [-1, 0, 1]."""

SOBEL_Y = _fixed([[-1, -2, -1], [0, 0, 0], [1, 2, 1]])
"""Brightness below minus brightness above: finds horizontal edges."""

PREWITT_X = _fixed([[-1, 0, 1], [-1, 0, 1], [-1, 0, 1]])
"""As Sobel X with equal row weights [1, 1, 1]."""

PREWITT_Y = _fixed([[-1, -1, -1], [0, 0, 0], [1, 1, 1]])
"""As Sobel Y with equal column weights."""

BOX_BLUR = _fixed([[1, 1, 1], [1, 1, 1], [1, 1, 1]], divisor=9)
"""The mean of nine pixels."""

SHARPEN = _fixed([[0, -1, 0], [-1, 5, -1], [0, -1, 0]])
"""The pixel plus its difference from its four neighbours; sums to 1, so flat areas stay."""

LAPLACIAN = _fixed([[0, 1, 0], [1, -4, 1], [0, 1, 0]])
"""How much the four neighbours exceed the pixel: zero on flat areas and on ramps."""

NAMED = {
    "identity": IDENTITY,
    "sobel_x": SOBEL_X,
    "sobel_y": SOBEL_Y,
    "prewitt_x": PREWITT_X,
    "prewitt_y": PREWITT_Y,
    "box_blur": BOX_BLUR,
    "sharpen": SHARPEN,
    "laplacian": LAPLACIAN,
}


def filters(*kernels: np.ndarray, channels: int = 1) -> np.ndarray:
    """Kernels (K_h, K_w) of one size as filters (C_out, channels, K_h, K_w) for `ops.conv2d`, equal on all channels.

    Raises ValueError where the sizes differ or none is given.
    """
    shapes = sorted({np.shape(kernel) for kernel in kernels})
    if len(shapes) != 1 or len(shapes[0]) != 2:
        raise ValueError(f"kernels must be one or more (K_h, K_w) arrays of one size, got shapes {shapes}")
    return np.repeat(np.stack(kernels)[:, None], channels, axis=1)
