"""What a layer does with channels: one pixel at a time, in groups, in two steps, and backwards to a larger map.

NumPy functions first, each short and each equal to PyTorch; then the separable block of chapter 3. Symbols as
everywhere: input `x` (N, C_in, H, W), filters `w` (C_out, C_in/G, K_h, K_w), stride S, padding P, dilation D, groups G.
A transposed convolution takes PyTorch's order (C_in, C_out/G, K_h, K_w): the filters of the convolution it transposes.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from torch import nn

from kernelbook import ops
from kernelbook.ops import Pair

# One pixel at a time


def pointwise(x: np.ndarray, w: np.ndarray, b: np.ndarray | None = None) -> np.ndarray:
    """A dense layer on the channels of every pixel: x (N, C_in, H, W), w (C_out, C_in), b (C_out,) -> (N, C_out, H, W).

    Equals `ops.conv2d` with w[:, :, None, None]. Source: Lin, Chen and Yan 2014. Raises ValueError for other shapes.
    """
    x, w = np.asarray(x), np.asarray(w)
    if x.ndim != 4 or w.ndim != 2 or x.shape[1] != w.shape[1]:
        raise ValueError(f"expected x (N, C_in, H, W) and w (C_out, C_in), got {x.shape} and {w.shape}")
    pixels = x.transpose(0, 2, 3, 1) @ w.T  # the channels of a pixel, last, are the input of the dense layer
    return (pixels if b is None else pixels + b).transpose(0, 3, 1, 2)


# In groups


def ungroup(w: np.ndarray, groups: int) -> np.ndarray:
    """Filters (C_out, C_in/G, K_h, K_w) of G groups as those of a standard layer, (C_out, C_in, K_h, K_w).

    The kernels that grouping leaves out are zeros, so the layers give the same maps. Raises ValueError unless G divides
    C_out.
    """
    w = np.asarray(w)
    if w.ndim != 4 or groups < 1 or len(w) % groups:
        raise ValueError(f"expected (C_out, C_in/G, K_h, K_w) with C_out a multiple of {groups}, got {w.shape}")
    c_out, members = w.shape[:2]
    full = np.zeros((c_out, groups * members, *w.shape[2:]), w.dtype)
    for f in range(c_out):
        first = f // (c_out // groups) * members
        full[f, first : first + members] = w[f]
    return full


def shuffle(x: np.ndarray, groups: int) -> np.ndarray:
    """The channels of x (N, C, H, W) dealt out like cards: each new group gets some of every old one.

    Source: Zhang, Zhou, Lin and Sun 2018 (ShuffleNet). Raises ValueError unless groups divides C.
    """
    x = np.asarray(x)
    if x.ndim != 4 or groups < 1 or x.shape[1] % groups:
        raise ValueError(f"expected (N, C, H, W) with C a multiple of {groups}, got {x.shape}")
    n, c, height, width = x.shape
    return x.reshape(n, groups, c // groups, height, width).swapaxes(1, 2).reshape(x.shape)


# In two steps


def merge(depth: np.ndarray, point: np.ndarray, multiplier: int = 1) -> np.ndarray:
    """The filters (C_out, C_in, K_h, K_w) of the standard layer that does what a depthwise separable one does.

    depth (C_in M, 1, K_h, K_w): M = multiplier kernels for each channel, in the order of `groups=C_in`; nothing between
    the two steps. point (C_out, C_in M). Kernel (f, c) of the standard layer mixes the M kernels of channel c.
    Raises ValueError for shapes that don't belong together.
    """
    depth, point = np.asarray(depth), np.asarray(point)
    if depth.ndim != 4 or depth.shape[1] != 1 or point.shape != (len(point), len(depth)) or len(depth) % multiplier:
        raise ValueError(
            f"expected depth (C_in M, 1, K_h, K_w) and point (C_out, C_in M) with M = {multiplier}, "
            f"got {depth.shape} and {point.shape}"
        )
    kernels = depth.reshape(-1, multiplier, *depth.shape[2:])
    return np.einsum("fcm,cmhw->fchw", point.reshape(len(point), -1, multiplier), kernels)


class Separated(NamedTuple):
    """A depthwise and a pointwise layer that stand in for a standard one."""

    depth: np.ndarray  # (C_in M, 1, K_h, K_w)
    point: np.ndarray  # (C_out, C_in M)


def separate(w: np.ndarray, multiplier: int = 1) -> Separated:
    """The depthwise separable layer closest to a standard one, in squared weights; with M kernels for each channel.

    w (C_out, C_in, K_h, K_w). For each input channel, its C_out kernels are the rows of a matrix (C_out, K_h K_w), and
    the best approximation of rank M is its singular value decomposition cut after M (Eckart and Young 1936). With
    M = min(C_out, K_h K_w) nothing is lost. Source of the idea: Jaderberg, Vedaldi and Zisserman 2014.
    """
    w = np.asarray(w, float)
    c_out, c_in, k_h, k_w = w.shape
    rank = min(c_out, k_h * k_w)
    if not 1 <= multiplier <= rank:
        raise ValueError(f"multiplier must be from 1 to {rank}, got {multiplier}")
    u, s, v = np.linalg.svd(w.transpose(1, 0, 2, 3).reshape(c_in, c_out, -1), full_matrices=False)
    point = (u[:, :, :multiplier] * s[:, None, :multiplier]).transpose(1, 0, 2).reshape(c_out, -1)
    return Separated(v[:, :multiplier].reshape(-1, 1, k_h, k_w), point)


# Backwards, to a larger map


def transposed_size(
    size: int, kernel: int, stride: int = 1, padding: int = 0, output_padding: int = 0, dilation: int = 1
) -> int:
    """Pixels along one axis that a transposed convolution returns: (size - 1) S - 2 P + D (K - 1) + 1 + output_padding.

    A convolution with the same K, S, P and D turns that many pixels into `size`. With a stride several inputs give one
    output size, and output_padding, less than S or than D, says which of them is meant.
    """
    if not 0 <= output_padding < max(stride, dilation):
        raise ValueError(
            f"output_padding must be at least 0 and less than stride or dilation, got {output_padding} "
            f"with stride {stride} and dilation {dilation}"
        )
    out = (size - 1) * stride - 2 * padding + dilation * (kernel - 1) + 1 + output_padding
    if out < 1:
        raise ValueError(f"nothing is left: {size} values would become {out}")
    return out


def conv_transpose2d(
    x: np.ndarray,
    w: np.ndarray,
    b: np.ndarray | None = None,
    stride: Pair = 1,
    padding: Pair = 0,
    output_padding: Pair = 0,
    groups: int = 1,
    dilation: Pair = 1,
) -> np.ndarray:
    """Transposed convolution: every value of x stamps its kernels, times the value, onto a larger map.

    x (N, C_in, H, W), w (C_in, C_out/G, K_h, K_w), b (C_out,) -> (N, C_out, O_h, O_w), sizes by `transposed_size`.
    It is what the backward pass of a convolution does to its gradient, and computed just so; then `padding` is cut
    off, and `output_padding` keeps more of the lower and right end. Arguments in the order of
    `torch.nn.functional.conv_transpose2d`, which it equals. Source: Dumoulin and Visin 2016, chapter 4.
    """
    x, w = np.asarray(x), np.asarray(w)
    if x.ndim != 4 or w.ndim != 4 or x.shape[1] != w.shape[0]:
        raise ValueError(f"expected x (N, C_in, H, W) and w (C_in, C_out/G, K_h, K_w), got {x.shape} and {w.shape}")
    k, s, p, extra, d = (
        (part, part) if isinstance(part, int) else part
        for part in (w.shape[2:], stride, padding, output_padding, dilation)
    )
    sizes = [transposed_size(x.shape[2 + i], k[i], s[i], p[i], extra[i], d[i]) for i in (0, 1)]
    whole = [(x.shape[2 + i] - 1) * s[i] + d[i] * (k[i] - 1) + 1 for i in (0, 1)]
    stamped = ops.conv2d_backward(x, np.zeros((len(x), w.shape[1] * groups, *whole), x.dtype), w, s, 0, d, groups).x
    out = np.zeros((*stamped.shape[:2], *sizes), stamped.dtype)
    kept = stamped[:, :, p[0] : p[0] + sizes[0], p[1] : p[1] + sizes[1]]
    out[:, :, : kept.shape[2], : kept.shape[3]] = kept
    return out if b is None else out + np.asarray(b)[:, None, None]


# As a module


class DepthwiseSeparable(nn.Sequential):
    """Depthwise convolution, then pointwise, each with batch normalisation and an activation: MobileNetV1's block.

    x (N, C_in, H, W) -> (N, C_out, O_h, O_w). The depthwise step carries stride and dilation, and is padded by half of
    its span, so that an odd kernel keeps the size at stride 1. No biases: the normalisation has its own.
    Source: Howard et al. 2017, with ReLU as in the paper; Sandler et al. 2018 and the authors' code use ReLU6.
    """

    def __init__(
        self, c_in: int, c_out: int, kernel_size: int = 3, stride: int = 1, dilation: int = 1, activation=nn.ReLU
    ):
        padding = dilation * (kernel_size - 1) // 2
        super().__init__(
            nn.Conv2d(c_in, c_in, kernel_size, stride, padding, dilation, groups=c_in, bias=False),
            nn.BatchNorm2d(c_in),
            activation(),
            nn.Conv2d(c_in, c_out, 1, bias=False),
            nn.BatchNorm2d(c_out),
            activation(),
        )
