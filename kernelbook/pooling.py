"""Pooling in NumPy, written to be read: what a window keeps when it keeps one number, forward and backward.

`max_pool2d` and `avg_pool2d` follow `torch.nn.functional` in every corner: floor and `ceil_mode`, padding that never
wins a maximum, `count_include_pad`, and the first of equals as the winner. `global_avg_pool2d` and `global_max_pool2d`
keep one number for a whole map. `blur_pool2d` smooths before it drops pixels, so that little is left of what a coarser
map cannot hold (Zhang 2019, "Making convolutional networks shift-invariant again"); `BlurPool2d` is the same, a layer.

Symbols as in `kernelbook.ops`: x (N, C, H, W), window K, stride S, padding P, dilation D, output size O. Pooling mixes
no channels and learns nothing. No function changes its arguments. Bad arguments raise `ValueError`.
"""

from typing import Any, NamedTuple

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from kernelbook import ops
from kernelbook.ops import Pair, _expect, _four_axes, _integer, _pair


class Pooled(NamedTuple):
    """What max pooling keeps, both (N, C, O_h, O_w). indices: row W + column of each winner, as in PyTorch."""

    values: np.ndarray
    indices: np.ndarray


# Sizes


def output_size(
    size: int, kernel: int, stride: int | None = None, padding: int = 0, dilation: int = 1, ceil_mode: bool = False
) -> int:
    """Number of windows along one axis: (size + 2P - span) / S + 1, rounded down, or up with `ceil_mode`.

    stride: the kernel's size if None. span = D (K - 1) + 1 pixels. With `ceil_mode` a last window may hang over the
    end, but it must start inside the picture or the padding before it; one that would start later is dropped.
    Raises ValueError where no window fits, and for more padding than half the kernel, which PyTorch refuses too.
    Source: the documentation of `torch.nn.MaxPool2d`.
    """
    size, kernel, dilation = _integer("size", size, 1), _integer("kernel", kernel, 1), _integer("dilation", dilation, 1)
    stride = kernel if stride is None else _integer("stride", stride, 1)
    padding = _integer("padding", padding, 0)
    span = dilation * (kernel - 1) + 1
    if padding > kernel // 2:
        raise ValueError(f"padding must be at most half the kernel, {kernel // 2} for size {kernel}, got {padding}")
    room = size + 2 * padding - span
    places = -(-room // stride) + 1 if ceil_mode else room // stride + 1
    if ceil_mode and (places - 1) * stride >= size + padding:
        places -= 1
    if places < 1:
        raise ValueError(f"the window covers {span} pixels, but the padded input has only {size + 2 * padding}")
    return places


class _Geometry(NamedTuple):
    """Arguments of a pooling, checked. sides: padding, and what hangs over; output: (O_h, O_w)."""

    kernel: tuple[int, int]
    stride: tuple[int, int]
    dilation: tuple[int, int]
    padding: tuple[int, int]
    sides: tuple[tuple[int, int], tuple[int, int]]
    output: tuple[int, int]


def _geometry(
    shape: tuple[int, ...], kernel: Any, stride: Any, padding: Any, dilation: Any, ceil_mode: bool
) -> _Geometry:
    k, d, p = _pair("kernel", kernel, 1), _pair("dilation", dilation, 1), _pair("padding", padding, 0)
    s = k if stride is None else _pair("stride", stride, 1)
    output, sides = [], []
    for axis, size in enumerate(shape[2:]):
        places = output_size(size, k[axis], s[axis], p[axis], d[axis], ceil_mode)
        reach = (places - 1) * s[axis] + d[axis] * (k[axis] - 1) + 1  # where the last window ends, from the padding on
        output.append(places)
        sides.append((p[axis], p[axis] + max(reach - size - 2 * p[axis], 0)))
    return _Geometry(k, s, d, p, (sides[0], sides[1]), (output[0], output[1]))


def _windows(x: np.ndarray, g: _Geometry, outside: Any) -> np.ndarray:
    """Windows of x (..., H, W) with `outside` round it, each laid out in a row: (N, C, O_h, O_w, K_h K_w)."""
    padded = np.pad(x, ((0, 0), (0, 0), *g.sides), constant_values=outside)
    view = ops.windows(padded, g.kernel, g.stride, g.dilation)[:, :, : g.output[0], : g.output[1]]
    return view.reshape(*view.shape[:4], -1)


# Maximum


def max_pool2d(
    x: np.ndarray,
    kernel: Pair,
    stride: Pair | None = None,
    padding: Pair = 0,
    dilation: Pair = 1,
    ceil_mode: bool = False,
) -> np.ndarray:
    """The largest value of each window: x (N, C, H, W) -> (N, C, O_h, O_w), in the type of x.

    stride: the kernel's size if None. Padding never wins, also where all values are negative.
    """
    return max_pool2d_with_indices(x, kernel, stride, padding, dilation, ceil_mode).values


def max_pool2d_with_indices(
    x: np.ndarray,
    kernel: Pair,
    stride: Pair | None = None,
    padding: Pair = 0,
    dilation: Pair = 1,
    ceil_mode: bool = False,
) -> Pooled:
    """As `max_pool2d`, with the place of each winner: the first in its window, row by row, where several are equal.

    Raises ValueError for a dilated window whose taps all lie outside the picture: it has no largest value.
    """
    x = _four_axes("x", x, "(N, C, H, W)")
    g = _geometry(x.shape, kernel, stride, padding, dilation, ceil_mode)
    lowest = False if x.dtype == bool else np.iinfo(x.dtype).min if x.dtype.kind in "iu" else -np.inf
    values = _windows(x, g, lowest)
    height, width = x.shape[2:]
    places = _windows(np.arange(height * width).reshape(1, 1, height, width), g, -1)
    if (places < 0).all(-1).any():
        raise ValueError("a dilated window has all its taps on the padding; pad less")
    best = values.max(-1)
    largest = (values == best[..., None]) | (values != values)  # not-a-number, which beats every number, is not itself
    winners = largest & (places >= 0)
    indices = np.take_along_axis(np.broadcast_to(places, values.shape), winners.argmax(-1)[..., None], -1)[..., 0]
    return Pooled(best, indices)


def max_pool2d_backward(
    g: np.ndarray,
    x: np.ndarray,
    kernel: Pair,
    stride: Pair | None = None,
    padding: Pair = 0,
    dilation: Pair = 1,
    ceil_mode: bool = False,
) -> np.ndarray:
    """From g (N, C, O_h, O_w), the gradient at the output, to the gradient at x (N, C, H, W).

    Each number of g goes whole to its window's winner; a pixel that wins in several windows collects their sum.
    """
    x = _four_axes("x", x, "(N, C, H, W)")
    indices = max_pool2d_with_indices(x, kernel, stride, padding, dilation, ceil_mode).indices
    g = _expect("g", g, indices.shape)
    n, c, height, width = x.shape
    back = np.zeros((n * c, height * width), g.dtype)
    rows = np.arange(n * c)[:, None]
    np.add.at(back, (rows, indices.reshape(n * c, -1)), g.reshape(n * c, -1))
    return back.reshape(x.shape)


# Mean


def avg_pool2d(
    x: np.ndarray,
    kernel: Pair,
    stride: Pair | None = None,
    padding: Pair = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> np.ndarray:
    """The mean of each window: x (N, C, H, W) -> (N, C, O_h, O_w), floats.

    count_include_pad: whether zeros of the padding count in the divisor. Pixels that hang over with `ceil_mode` never
    do. divisor_override: divide by this number instead.
    """
    x = _four_axes("x", x, "(N, C, H, W)")
    g = _geometry(x.shape, kernel, stride, padding, 1, ceil_mode)
    return _windows(x, g, 0).sum(-1) / _divisors(x.shape, g, count_include_pad, divisor_override).astype(
        x.dtype if x.dtype.kind == "f" else float
    )


def avg_pool2d_backward(
    g: np.ndarray,
    x: np.ndarray,
    kernel: Pair,
    stride: Pair | None = None,
    padding: Pair = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> np.ndarray:
    """From g (N, C, O_h, O_w) to the gradient at x (N, C, H, W): each number of g is shared out equally.

    Only the shape of x matters, not its values. The share that falls on padding is lost.
    """
    x = _four_axes("x", x, "(N, C, H, W)")
    place = _geometry(x.shape, kernel, stride, padding, 1, ceil_mode)
    g = _expect("g", g, (*x.shape[:2], *place.output))
    shares = g / _divisors(x.shape, place, count_include_pad, divisor_override)
    n, c, height, width = x.shape
    taps = place.kernel[0] * place.kernel[1]
    columns = np.repeat(shares.reshape(n, c, 1, -1), taps, axis=2).reshape(n, c * taps, -1)
    return ops.col2im(columns, (n, c, height, width), place.kernel, place.stride, place.sides)


def _divisors(shape: tuple[int, ...], g: _Geometry, count_include_pad: bool, override: int | None) -> np.ndarray:
    """What each window's sum is divided by: (1, 1, O_h, O_w)."""
    if override is not None:
        if override == 0:
            raise ValueError("divisor_override must not be 0")
        return np.full((1, 1, *g.output), override)
    counted = np.ones((1, 1, *shape[2:]), int)
    if count_include_pad:
        counted = np.pad(counted, ((0, 0), (0, 0), *((p, p) for p in g.padding)), constant_values=1)
        hanging = tuple((0, after - p) for (_, after), p in zip(g.sides, g.padding, strict=True))
        g = g._replace(sides=(hanging[0], hanging[1]))
    return _windows(counted, g, 0).sum(-1)


# The whole map


def global_avg_pool2d(x: np.ndarray) -> np.ndarray:
    """The mean of each map: x (N, C, H, W) -> (N, C), whatever H and W are. Source: Lin, Chen and Yan 2014."""
    return _four_axes("x", x, "(N, C, H, W)").mean(axis=(2, 3))


def global_max_pool2d(x: np.ndarray) -> np.ndarray:
    """The largest value of each map: x (N, C, H, W) -> (N, C)."""
    return _four_axes("x", x, "(N, C, H, W)").max(axis=(2, 3))


def global_avg_pool2d_backward(g: np.ndarray, shape: tuple[int, int, int, int]) -> np.ndarray:
    """From g (N, C) to the gradient at x of `shape` (N, C, H, W): each place gets 1 / (H W) of its map's gradient."""
    n, c, height, width = shape
    g = _expect("g", g, (n, c))
    return np.broadcast_to(g[:, :, None, None] / (height * width), shape).copy()


# Blur, then drop


def blur_kernel(size: int = 3) -> np.ndarray:
    """Binomial weights (size, size) that sum to 1: [1, 1], [1, 2, 1], [1, 3, 3, 1] ... in both directions.

    size 1 gives a single 1: no blur, pixels are just dropped.
    """
    row = np.ones(1)
    for _ in range(_integer("size", size, 1) - 1):
        row = np.convolve(row, [0.5, 0.5])
    return np.outer(row, row)


def _blur_sides(size: int) -> tuple[int, int]:
    return (size - 1) // 2, size // 2


def blur_pool2d(x: np.ndarray, size: int = 3, stride: Pair = 2, mode: str = "reflect") -> np.ndarray:
    """Blur each map with `blur_kernel(size)`, then keep every S-th pixel: x (N, C, H, W) -> (N, C, ceil(H / S), ...).

    mode: what stands outside the picture (see `ops.PADDING_MODES`); for an even size the extra pixel comes after.
    Max pooling without aliasing is `blur_pool2d(max_pool2d(x, 2, stride=1))`. Source: Zhang 2019, section 3.2.
    """
    x = _four_axes("x", x, "(N, C, H, W)")
    sides = _blur_sides(_integer("size", size, 1))
    padded = ops.pad2d(x, (sides, sides), mode)
    maps = padded.reshape(-1, 1, *padded.shape[2:])
    kernel = blur_kernel(size)[None, None].astype(x.dtype if x.dtype.kind == "f" else float)
    out = ops.conv2d(maps, kernel, stride=stride)
    return out.reshape(*x.shape[:2], *out.shape[2:])


class BlurPool2d(nn.Module):
    """`blur_pool2d` as a layer without parameters: x (N, C, H, W) -> (N, C, ceil(H / S), ceil(W / S)).

    size: of the binomial window, 1 for none. mode: what stands outside, "reflect" unless said otherwise.
    """

    weight: torch.Tensor

    def __init__(self, size: int = 3, stride: int = 2, mode: str = "reflect") -> None:
        super().__init__()
        if mode not in ops.PADDING_MODES:
            raise ValueError(f"padding mode must be one of {', '.join(ops.PADDING_MODES)}; got {mode!r}")
        self.size, self.stride, self.mode = _integer("size", size, 1), _integer("stride", stride, 1), mode
        self.register_buffer("weight", torch.from_numpy(blur_kernel(size)), persistent=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        before, after = _blur_sides(self.size)
        padded = F.pad(x, (before, after, before, after), mode="constant" if self.mode == "zeros" else self.mode)
        weight = self.weight.to(x.dtype).expand(x.shape[1], 1, self.size, self.size)
        return F.conv2d(padded, weight, stride=self.stride, groups=x.shape[1])

    def extra_repr(self) -> str:
        return f"size={self.size}, stride={self.stride}, mode={self.mode!r}"
