"""Convolution as the dense layer that it is: a matrix, mostly zeros, whose other entries are a few weights repeated.

Any convolution layer is linear, so some matrix M has M @ x.ravel() == conv2d(x, w).ravel(). Each row of M is one
answer, each column one input value. Locality shows as zeros: a row has at most C_in K_h K_w entries that are not zero.
Sharing shows as repetition: at stride 1 each row is the row above it, moved along. A matrix that is constant along its
diagonals is called Toeplitz; for a picture, M is made of blocks that repeat along the diagonals of a larger Toeplitz
pattern, "doubly block Toeplitz".

The matrix has C_out O_h O_w rows and C_in H W columns, so it is for pictures of a few dozen pixels. `entries` gives
only what is not zero by construction, for larger ones.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from kernelbook import ops
from kernelbook.ops import Padding, Pair


class Entries(NamedTuple):
    """The places of a convolution's matrix that hold a weight: one triple for each link from an input to an answer."""

    row: np.ndarray  # answer, an index into y.ravel(), (L,) int64
    column: np.ndarray  # input value, an index into x.ravel(), (L,) int64
    weight: np.ndarray  # which weight, an index into w.ravel(), (L,) int64


def entries(
    shape: tuple[int, int, int, int],
    size: tuple[int, int],
    stride: Pair = 1,
    padding: Padding = 0,
    dilation: Pair = 1,
) -> Entries:
    """Every link of a convolution layer between an input value and an answer, and the weight it carries.

    shape: of the weights, (C_out, C_in, K_h, K_w). size: (H, W) of the input, in pixels; the rest as `ops.conv2d`.
    Links to padding carry nothing and are left out. Sorted by row, then by weight.

    Raises ValueError where the layer is impossible.
    """
    c_out, c_in, k_h, k_w = shape
    height, width = size
    numbers = np.arange(1, c_in * height * width + 1).reshape(1, c_in, height, width)  # 0 is for the padding
    columns = ops.im2col(numbers, (k_h, k_w), stride, padding, dilation)[0]  # (C_in K_h K_w, places)
    taps, places = columns.shape
    # One filter: its answers in order, and for each its weights in order.
    column = np.tile(columns.T.ravel(), c_out)
    row = np.repeat(np.arange(c_out * places), taps)
    weight = (np.arange(c_out)[:, None, None] * taps + np.arange(taps)).repeat(places, axis=1).ravel()
    real = column > 0
    return Entries(row[real], column[real] - 1, weight[real])


def convolution_matrix(
    w: np.ndarray, size: tuple[int, int], stride: Pair = 1, padding: Padding = 0, dilation: Pair = 1
) -> np.ndarray:
    """The matrix M with M @ x.ravel() == ops.conv2d(x[None], w, ...).ravel() for every x (C_in, H, W).

    w: (C_out, C_in, K_h, K_w). size: (H, W). The rest as `ops.conv2d`; zeros stand outside the picture, one group.
    Returns (C_out O_h O_w, C_in H W) in the type of w: the weight of a dense layer without bias.

    Raises ValueError for weights without four axes and where the layer is impossible.
    """
    w = np.asarray(w)
    if w.ndim != 4:
        raise ValueError(f"w must have four axes (C_out, C_in, K_h, K_w), got shape {w.shape}")
    shape = (w.shape[0], w.shape[1], w.shape[2], w.shape[3])
    links = entries(shape, size, stride, padding, dilation)
    matrix = np.zeros((_answers(shape, size, stride, padding, dilation), w.shape[1] * size[0] * size[1]), w.dtype)
    matrix[links.row, links.column] = w.ravel()[links.weight]
    return matrix


def weight_numbers(
    shape: tuple[int, int, int, int],
    size: tuple[int, int],
    stride: Pair = 1,
    padding: Padding = 0,
    dilation: Pair = 1,
) -> np.ndarray:
    """The same matrix with, in place of each weight, its number: 1 for the first in w, 2 for the second, 0 for none.

    It shows who shares with whom. Arguments as `entries`. Returns (C_out O_h O_w, C_in H W) int64.
    """
    numbers = np.arange(1, int(np.prod(shape)) + 1).reshape(shape)
    return convolution_matrix(numbers, size, stride, padding, dilation)


def locally_connected(
    x: np.ndarray, w: np.ndarray, stride: Pair = 1, padding: Padding = 0, dilation: Pair = 1
) -> np.ndarray:
    """A convolution that doesn't share: every place has filters of its own.

    x: (N, C_in, H, W). w: (O_h, O_w, C_out, C_in, K_h, K_w), one stack of filters for each place of the output.
    Returns (N, C_out, O_h, O_w). With the same filters at every place it is `ops.conv2d`. Source: LeCun 1989.

    Raises ValueError where the shapes don't belong together.
    """
    x, w = np.asarray(x), np.asarray(w)
    if w.ndim != 6:
        raise ValueError(f"w must have six axes (O_h, O_w, C_out, C_in, K_h, K_w), got shape {w.shape}")
    patches = ops.windows(ops.pad2d(x, padding), (w.shape[4], w.shape[5]), stride, dilation)
    found = (patches.shape[2], patches.shape[3], w.shape[2], patches.shape[1], *w.shape[4:])
    if w.shape != found:
        raise ValueError(f"for this input w must have shape {found}, got {w.shape}")
    return np.einsum("ncijhw,ijfchw->nfij", patches, w)


def _answers(
    shape: tuple[int, int, int, int], size: tuple[int, int], stride: Pair, padding: Padding, dilation: Pair
) -> int:
    """C_out O_h O_w."""
    one = np.zeros((1, 1, *size), np.int8)
    places = ops.windows(ops.pad2d(one, padding), shape[2:], stride, dilation).shape[2:4]
    return shape[0] * int(np.prod(places))
