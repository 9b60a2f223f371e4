"""The same convolution by shorter ways, and what each of them does to the last bits.

`direct` adds the products one after another, in an order you choose; `winograd` saves multiplications by adding before
and after (Winograd 1980, Lavin and Gray 2016); the route through Fourier transforms is `ops.conv2d_fft`. All are for
stride 1, no padding, one group, and compute in the precision of their arguments, step by step, without a library's
matrix product, so that their bits are the same on every machine. Teaching code: short, and not fast in NumPy.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from kernelbook import ops

ORDERS = ("forward", "backward", "pairs")


def products(x: np.ndarray, w: np.ndarray) -> np.ndarray:
    """All products of a convolution before they are added: (N, C_out, O_h, O_w, C_in K_h K_w), the taps last."""
    x, w = np.asarray(x), np.asarray(w)
    if x.ndim != 4 or w.ndim != 4 or x.shape[1] != w.shape[1]:
        raise ValueError(f"expected x (N, C_in, H, W) and w (C_out, C_in, K_h, K_w), got {x.shape} and {w.shape}")
    taps = ops.windows(x, w.shape[2:])[:, None] * w[:, :, None, None]  # (N, C_out, C_in, O_h, O_w, K_h, K_w)
    n, c_out, c_in, o_h, o_w, k_h, k_w = taps.shape
    return taps.transpose(0, 1, 3, 4, 2, 5, 6).reshape(n, c_out, o_h, o_w, c_in * k_h * k_w)


def add_up(terms: np.ndarray, order: str = "forward") -> np.ndarray:
    """Sum over the last axis, rounding after every addition, in one of three orders.

    "forward" and "backward" add one term after another; "pairs" adds neighbours, then neighbouring sums, and so on: the
    error of the first two can grow with the number of terms, that of the last with its logarithm (Higham 1993).
    Raises ValueError for another order.
    """
    terms = np.asarray(terms)
    if order not in ORDERS:
        raise ValueError(f"order must be one of {', '.join(ORDERS)}; got {order!r}")
    if order == "backward":
        return add_up(terms[..., ::-1])
    if order == "forward":
        total = np.zeros(terms.shape[:-1], terms.dtype)
        for place in range(terms.shape[-1]):
            total = total + terms[..., place]
        return total
    while terms.shape[-1] > 1:
        left, right = terms[..., 0::2], terms[..., 1::2]
        rest = left[..., right.shape[-1] :]  # the odd one out waits for the next round
        terms = np.concatenate([left[..., : right.shape[-1]] + right, rest], axis=-1)
    return terms[..., 0] if terms.shape[-1] else np.zeros(terms.shape[:-1], terms.dtype)


def direct(x: np.ndarray, w: np.ndarray, order: str = "forward") -> np.ndarray:
    """Cross-correlation by definition: x (N, C_in, H, W), w (C_out, C_in, K_h, K_w) -> (N, C_out, O_h, O_w)."""
    return add_up(products(x, w), order)


class Transforms(NamedTuple):
    """The three matrices of Winograd's method F(m, 3): m answers at a time of a kernel with 3 weights."""

    inputs: np.ndarray  # B^T (m + 2, m + 2): mixes the m + 2 pixels that the answers see
    kernel: np.ndarray  # G (m + 2, 3)
    output: np.ndarray  # A^T (m, m + 2): mixes the m + 2 products


WINOGRAD = {
    2: Transforms(
        inputs=np.array([[1, 0, -1, 0], [0, 1, 1, 0], [0, -1, 1, 0], [0, 1, 0, -1]], float),
        kernel=np.array([[2, 0, 0], [1, 1, 1], [1, -1, 1], [0, 0, 2]]) / 2,
        output=np.array([[1, 1, 1, 0], [0, 1, -1, -1]], float),
    ),
    4: Transforms(
        inputs=np.array(
            [
                [4, 0, -5, 0, 1, 0],
                [0, -4, -4, 1, 1, 0],
                [0, 4, -4, -1, 1, 0],
                [0, -2, -1, 2, 1, 0],
                [0, 2, -1, -2, 1, 0],
                [0, 4, 0, -5, 0, 1],
            ],
            float,
        ),
        kernel=np.array([[6, 0, 0], [-4, -4, -4], [-4, 4, -4], [1, 2, 4], [1, -2, 4], [0, 0, 24]]) / 24,
        output=np.array([[1, 1, 1, 1, 1, 0], [0, 1, -1, 2, -2, 0], [0, 1, 1, 4, 4, 0], [0, 1, -1, 8, -8, 1]], float),
    ),
}
"""F(2, 3) and F(4, 3). Source: Lavin and Gray 2016, sections 4.1 and 4.3."""


def winograd(x: np.ndarray, w: np.ndarray, tile: int = 2) -> np.ndarray:
    """Cross-correlation with 3 x 3 kernels by Winograd's method, tile x tile answers at a time. Sizes as `direct`.

    One multiplication for each of the (tile + 2)^2 mixed pixels of a tile, where the definition needs 9 tile^2: 16 for
    36, or 36 for 144. Equal to the definition but for rounding. Raises ValueError for other kernels or tiles.
    """
    x, w = np.asarray(x), np.asarray(w)
    if tile not in WINOGRAD:
        raise ValueError(f"tile must be one of {', '.join(map(str, WINOGRAD))}; got {tile!r}")
    if w.ndim != 4 or w.shape[2:] != (3, 3):
        raise ValueError(f"Winograd's method is written for 3 x 3 kernels here, got w of shape {w.shape}")
    if x.ndim != 4 or x.shape[1] != w.shape[1] or min(x.shape[2:]) < 3:
        raise ValueError(f"expected x (N, {w.shape[1]}, H, W) of at least 3 x 3 pixels, got {x.shape}")
    dtype = np.result_type(x, w, np.float32)
    n, _, height, width = x.shape
    rows, columns = -(-(height - 2) // tile), -(-(width - 2) // tile)  # tiles, the last ones filled up with zeros
    fill = ((0, 0), (0, 0), (0, rows * tile + 2 - height), (0, columns * tile + 2 - width))
    tiles = ops.windows(np.pad(x.astype(dtype), fill), tile + 2, tile)  # (N, C_in, rows, columns, tile + 2, tile + 2)
    by = Transforms(*(matrix.astype(dtype) for matrix in WINOGRAD[tile]))
    pixels = _both_ways(by.inputs, tiles)[:, None]
    kernels = _both_ways(by.kernel, w.astype(dtype))[:, :, None, None]
    mixed = add_up(np.moveaxis(pixels * kernels, 2, -1))  # the products, added over the input channels
    answers = _both_ways(by.output, mixed)  # (N, C_out, rows, columns, tile, tile)
    whole = answers.swapaxes(3, 4).reshape(n, len(w), rows * tile, columns * tile)
    return whole[:, :, : height - 2, : width - 2]


def _both_ways(matrix: np.ndarray, blocks: np.ndarray) -> np.ndarray:
    """matrix @ block @ matrix.T for the last two axes of `blocks`, added up term by term."""
    down = add_up(matrix[:, None, :] * blocks.swapaxes(-1, -2)[..., None, :, :])
    return add_up(matrix * down[..., None, :])


def multiplications(size: int, kernel: int = 3, tile: int | None = None) -> int:
    """Multiplications for one map of size x size answers from one channel, by definition or with Winograd's tiles.

    Additions, of which Winograd's method needs more, and the transform of the kernel, done once, are not counted.
    """
    if tile is None:
        return size**2 * kernel**2
    return (-(-size // tile)) ** 2 * (tile + kernel - 1) ** 2
