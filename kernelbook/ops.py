"""Convolution in NumPy, written to be read: the reference that the chapters build up and the labs are checked against.

Two routes compute the same numbers. `conv2d_loop` is the definition, one Python loop per index of the formula.
`conv2d` is the one to use: it copies every window into the column of a matrix (`im2col`) and multiplies once, which is
one of the ways in which libraries do it (Chellapilla, Puri and Simard 2006). `conv2d_backward` is the same product
transposed. Both follow `torch.nn.functional.conv2d`: cross-correlation, floor in the output size, groups by blocks.

Symbols, as everywhere in the book: input `x` (N, C_in, H, W), filters `w` (C_out, C_in/G, K_h, K_w), bias `b` (C_out,),
output size O, stride S, padding P, dilation D, groups G. One multiply-add (MAC) is one product and one sum.

Arithmetic: integer and boolean inputs are computed in int64 and are exact, so small pictures of bytes don't overflow;
floats keep their own precision. No function changes its arguments. Bad arguments raise `ValueError` with what was
expected and what came.
"""

import operator
from typing import Any, NamedTuple, cast

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

Pair = int | tuple[int, int]
"""One integer for both axes, or (vertical, horizontal)."""

Padding = int | tuple[int, int] | tuple[tuple[int, int], tuple[int, int]]
"""As `Pair`, or ((top, bottom), (left, right)) where the two sides of an axis differ."""

PADDING_MODES = {"zeros": "constant", "reflect": "reflect", "replicate": "edge", "circular": "wrap"}
"""PyTorch's names for what stands outside the picture, and NumPy's names for the same."""


# Sizes


def output_size(size: int, kernel: int, stride: int = 1, padding: Pair = 0, dilation: int = 1) -> int:
    """Number of places along one axis where the kernel fits: floor((size + P_before + P_after - span) / S) + 1.

    size, kernel, stride, dilation: pixels, positive integers. padding: pixels added on each side, or (before, after).
    span = D (K - 1) + 1 is what the kernel covers. Raises ValueError where it doesn't fit even once.
    Source: Dumoulin and Visin 2016, relationship 15, and the documentation of `torch.nn.Conv2d`.
    """
    size, kernel = _integer("size", size, 1), _integer("kernel", kernel, 1)
    stride, dilation = _integer("stride", stride, 1), _integer("dilation", dilation, 1)
    before, after = _pair("padding", padding, 0)
    span, room = dilation * (kernel - 1) + 1, size + before + after
    if span > room:
        raise ValueError(f"the kernel covers {span} pixels, but the padded input has only {room}")
    return (room - span) // stride + 1


def same_padding(size: int, kernel: int, stride: int = 1, dilation: int = 1) -> tuple[int, int]:
    """Zeros (before, after) one axis so that the output has ceil(size / S) values: what "same" means with a stride.

    The two sides differ by one where the total is odd, and the extra zero comes after. At stride 1 this is what
    `padding="same"` does in PyTorch, which refuses any other stride; with a stride it is TensorFlow's rule.
    Feed it to `conv2d` as padding=(same_padding(H, ...), same_padding(W, ...)).
    """
    size, kernel = _integer("size", size, 1), _integer("kernel", kernel, 1)
    stride, dilation = _integer("stride", stride, 1), _integer("dilation", dilation, 1)
    total = max(stride * (-(-size // stride) - 1) + dilation * (kernel - 1) + 1 - size, 0)
    return total // 2, total - total // 2


def parameters(c_in: int, c_out: int, kernel: Pair, groups: int = 1, bias: bool = True) -> int:
    """Learnable numbers of a convolution layer: (K_h K_w C_in / G + 1) C_out. The size of the picture plays no part."""
    k_h, k_w = _pair("kernel", kernel, 1)
    c_in, c_out = _channels(c_in, c_out, groups)
    return (k_h * k_w * c_in // groups + bool(bias)) * c_out


def multiply_adds(c_in: int, c_out: int, kernel: Pair, output: Pair, groups: int = 1) -> int:
    """Multiply-adds for one picture: O_h O_w C_out (K_h K_w C_in / G). output: (O_h, O_w). FLOPs are twice as many.

    Windows on the padding count as well (a library multiplies those zeros too); the bias, an addition, doesn't.
    """
    k_h, k_w = _pair("kernel", kernel, 1)
    o_h, o_w = _pair("output", output, 1)
    c_in, c_out = _channels(c_in, c_out, groups)
    return o_h * o_w * c_out * (k_h * k_w * c_in // groups)


# Windows


def pad2d(x: np.ndarray, padding: Padding, mode: str = "zeros") -> np.ndarray:
    """A copy of x (N, C, H, W) with pixels added round H and W. mode: zeros, reflect, replicate or circular.

    Raises ValueError for another mode, and where PyTorch does: reflect needs P < size, circular needs P <= size.
    """
    x = _four_axes("x", x, "(N, C, H, W)")
    sides = _sides(padding)
    if mode not in PADDING_MODES:
        raise ValueError(f"padding mode must be one of {', '.join(PADDING_MODES)}; got {mode!r}")
    for size, side in zip(x.shape[2:], sides, strict=True):
        if (mode == "reflect" and max(side) >= size) or (mode == "circular" and max(side) > size):
            raise ValueError(f"{mode} padding of {max(side)} needs more than the {size} pixels there are")
    return np.pad(x, ((0, 0), (0, 0), *sides), mode=cast(Any, PADDING_MODES[mode]))


def windows(x: np.ndarray, kernel: Pair, stride: Pair = 1, dilation: Pair = 1) -> np.ndarray:
    """Every window of x (N, C, H, W) as a read-only view (N, C, O_h, O_w, K_h, K_w). Nothing is copied."""
    x = _four_axes("x", x, "(N, C, H, W)")
    k, s, d = _pair("kernel", kernel, 1), _pair("stride", stride, 1), _pair("dilation", dilation, 1)
    for axis in (0, 1):
        output_size(x.shape[2 + axis], k[axis], s[axis], 0, d[axis])  # raises where the kernel doesn't fit
    span = (d[0] * (k[0] - 1) + 1, d[1] * (k[1] - 1) + 1)
    return sliding_window_view(x, span, axis=(2, 3))[:, :, :: s[0], :: s[1], :: d[0], :: d[1]]


def im2col(x: np.ndarray, kernel: Pair, stride: Pair = 1, padding: Padding = 0, dilation: Pair = 1) -> np.ndarray:
    """Windows of x (N, C, H, W) as columns: (N, C K_h K_w, O_h O_w), the order of `torch.nn.functional.unfold`.

    A pixel that lies in several windows is copied that many times: about K_h K_w / (S_h S_w) times the memory of x.
    """
    view = windows(pad2d(x, padding), kernel, stride, dilation)
    n, c, o_h, o_w, k_h, k_w = view.shape
    return view.transpose(0, 1, 4, 5, 2, 3).reshape(n, c * k_h * k_w, o_h * o_w)


def col2im(
    columns: np.ndarray,
    shape: tuple[int, int, int, int],
    kernel: Pair,
    stride: Pair = 1,
    padding: Padding = 0,
    dilation: Pair = 1,
) -> np.ndarray:
    """Adds columns (N, C K_h K_w, O_h O_w) back where `im2col` took them: the transpose of that linear map.

    shape: (N, C, H, W) of the picture, which is what comes back. Pixels that no window touched are 0.
    """
    n, c, height, width = shape
    (k_h, k_w), (s_h, s_w), (d_h, d_w) = (
        _pair("kernel", kernel, 1),
        _pair("stride", stride, 1),
        _pair("dilation", dilation, 1),
    )
    (top, bottom), (left, right) = _sides(padding)
    o_h = output_size(height, k_h, s_h, (top, bottom), d_h)
    o_w = output_size(width, k_w, s_w, (left, right), d_w)
    _expect("columns", columns, (n, c * k_h * k_w, o_h * o_w))
    parts = columns.reshape(n, c, k_h, k_w, o_h, o_w)
    padded = np.zeros((n, c, top + height + bottom, left + width + right), columns.dtype)
    for i in range(k_h):
        rows = slice(i * d_h, i * d_h + s_h * (o_h - 1) + 1, s_h)
        for j in range(k_w):
            padded[:, :, rows, j * d_w : j * d_w + s_w * (o_w - 1) + 1 : s_w] += parts[:, :, i, j]
    return padded[:, :, top : top + height, left : left + width].copy()


# Convolution


def conv2d(
    x: np.ndarray,
    w: np.ndarray,
    b: np.ndarray | None = None,
    stride: Pair = 1,
    padding: Padding = 0,
    dilation: Pair = 1,
    groups: int = 1,
) -> np.ndarray:
    """Cross-correlation, what libraries call convolution, as one matrix product per group.

    x (N, C_in, H, W), w (C_out, C_in/G, K_h, K_w), b (C_out,) or None -> (N, C_out, O_h, O_w). Output map f reads the
    C_in/G input maps of its own group only. Zeros stand outside x; for another border, `pad2d` first.
    Sources: Chellapilla, Puri and Simard 2006 (the unrolled product); `torch.nn.functional.conv2d` (what it means).
    """
    x, w, b = _operands(x, w, b, groups)
    n, c_out = len(x), len(w)
    o_h, o_w = _output(x, w, stride, padding, dilation)
    taps = w[0].size  # weights of one filter: C_in/G K_h K_w
    columns = im2col(x, w.shape[2:], stride, padding, dilation).reshape(n, groups, taps, o_h * o_w)
    out = (w.reshape(groups, c_out // groups, taps) @ columns).reshape(n, c_out, o_h, o_w)
    return out if b is None else out + b[:, None, None]


def conv2d_loop(
    x: np.ndarray,
    w: np.ndarray,
    b: np.ndarray | None = None,
    stride: Pair = 1,
    padding: Padding = 0,
    dilation: Pair = 1,
    groups: int = 1,
) -> np.ndarray:
    """The definition, one loop per index. Same arguments and result as `conv2d`; slow, and meant to be read."""
    x, w, b = _operands(x, w, b, groups)
    (s_h, s_w), (d_h, d_w) = _pair("stride", stride, 1), _pair("dilation", dilation, 1)
    c_out, c_in, k_h, k_w = w.shape  # c_in: the input maps of one group
    out = np.zeros((len(x), c_out, *_output(x, w, stride, padding, dilation)), x.dtype)
    padded = pad2d(x, padding)
    for n, f, i, j in np.ndindex(out.shape):
        first = f // (c_out // groups) * c_in
        for c, m, k in np.ndindex(c_in, k_h, k_w):
            out[n, f, i, j] += padded[n, first + c, i * s_h + m * d_h, j * s_w + k * d_w] * w[f, c, m, k]
    return out if b is None else out + b[:, None, None]


def flip(w: np.ndarray) -> np.ndarray:
    """w with its last two axes reversed: every kernel turned by 180 degrees. A view."""
    return w[..., ::-1, ::-1]


def true_conv2d(
    x: np.ndarray,
    w: np.ndarray,
    b: np.ndarray | None = None,
    stride: Pair = 1,
    padding: Padding = 0,
    dilation: Pair = 1,
    groups: int = 1,
) -> np.ndarray:
    """Convolution as mathematics defines it: the kernel is turned by 180 degrees, then slid. Arguments as `conv2d`."""
    return conv2d(x, flip(_four_axes("w", w, "(C_out, C_in/G, K_h, K_w)")), b, stride, padding, dilation, groups)


def conv2d_fft(x: np.ndarray, w: np.ndarray) -> np.ndarray:
    """The same cross-correlation by way of Fourier transforms, for stride 1, no padding, one group.

    x (N, C_in, H, W), w (C_out, C_in, K_h, K_w) -> (N, C_out, H - K_h + 1, W - K_w + 1), floats. A shift is a phase, so
    sliding and adding becomes one product per frequency. Agrees with `conv2d` to rounding, not to the last bit.
    Source: Mathieu, Henaff and LeCun 2014.
    """
    x, w, _ = _operands(x, w, None, 1)
    height, width = x.shape[2:]
    o_h, o_w = _output(x, w, 1, 0, 1)
    spectrum = np.einsum("nchw,fchw->nfhw", np.fft.rfft2(x), np.conj(np.fft.rfft2(w, s=(height, width))))
    return np.fft.irfft2(spectrum, s=(height, width))[:, :, :o_h, :o_w]


# Backward


class Gradients(NamedTuple):
    """Gradients of a scalar loss with respect to the arguments of `conv2d`, each in its argument's shape."""

    x: np.ndarray
    w: np.ndarray
    b: np.ndarray


def conv2d_backward(
    g: np.ndarray,
    x: np.ndarray,
    w: np.ndarray,
    stride: Pair = 1,
    padding: Padding = 0,
    dilation: Pair = 1,
    groups: int = 1,
) -> Gradients:
    """From g (N, C_out, O_h, O_w), the gradient at the output of `conv2d(x, w, b, ...)`, to those at x, w and b.

    w: each window of x times the gradient at the place it produced, summed over windows and pictures, because all of
    them shared the same weights. x: the transpose, every gradient handed back through the kernel to the pixels it came
    from. b: the sum of g over pictures and places. Source: Goodfellow, Bengio and Courville 2016, section 9.5.
    """
    x, w, _ = _operands(x, w, None, groups)
    n, c_out = len(x), len(w)
    o_h, o_w = _output(x, w, stride, padding, dilation)
    g = _expect("g", g, (n, c_out, o_h, o_w))
    taps = w[0].size
    columns = im2col(x, w.shape[2:], stride, padding, dilation).reshape(n, groups, taps, o_h * o_w)
    by_group = g.reshape(n, groups, c_out // groups, o_h * o_w)
    grad_w = (by_group @ columns.swapaxes(2, 3)).sum(axis=0).reshape(w.shape)
    grad_columns = w.reshape(groups, c_out // groups, taps).swapaxes(1, 2) @ by_group
    shape = (n, x.shape[1], x.shape[2], x.shape[3])
    grad_x = col2im(grad_columns.reshape(n, groups * taps, o_h * o_w), shape, w.shape[2:], stride, padding, dilation)
    return Gradients(grad_x, grad_w, g.sum(axis=(0, 2, 3)))


def spread(g: np.ndarray, stride: Pair) -> np.ndarray:
    """g (N, C, H, W) with S - 1 zeros between its neighbours: what a stride does to the gradient on its way back.

    -> (N, C, S_h (H - 1) + 1, S_w (W - 1) + 1). Source: Dumoulin and Visin 2016, section 4.5.
    """
    g = _four_axes("g", g, "(N, C, H, W)")
    s_h, s_w = _pair("stride", stride, 1)
    n, c, height, width = g.shape
    out = np.zeros((n, c, s_h * (height - 1) + 1, s_w * (width - 1) + 1), g.dtype)
    out[:, :, ::s_h, ::s_w] = g
    return out


# Arguments


def _integer(name: str, value: Any, least: int) -> int:
    try:
        number = operator.index(value)
    except TypeError:
        raise ValueError(f"{name} must be an integer, got {value!r}") from None
    if number < least:
        raise ValueError(f"{name} must be at least {least}, got {number}")
    return number


def _pair(name: str, value: Any, least: int) -> tuple[int, int]:
    """An integer, or two, as two."""
    if isinstance(value, tuple | list):
        if len(value) != 2:
            raise ValueError(f"{name} must be one integer or two, got {value!r}")
        return _integer(name, value[0], least), _integer(name, value[1], least)
    return (_integer(name, value, least),) * 2


def _sides(padding: Any) -> tuple[tuple[int, int], tuple[int, int]]:
    """Any `Padding` as ((top, bottom), (left, right))."""
    if isinstance(padding, str):
        raise ValueError(f"padding must be given in pixels, got {padding!r}; same_padding computes them")
    if isinstance(padding, tuple | list) and len(padding) == 2:
        return _pair("padding", padding[0], 0), _pair("padding", padding[1], 0)
    return (_pair("padding", padding, 0),) * 2


def _four_axes(name: str, array: Any, shape: str) -> np.ndarray:
    array = np.asarray(array)
    if array.ndim != 4:
        raise ValueError(f"{name} must have four axes {shape}, got shape {array.shape}")
    return array


def _expect(name: str, array: Any, shape: tuple[int, ...]) -> np.ndarray:
    array = np.asarray(array)
    if array.shape != shape:
        raise ValueError(f"{name} must have shape {shape}, got {array.shape}")
    return array


def _channels(c_in: Any, c_out: Any, groups: Any) -> tuple[int, int]:
    c_in, c_out, groups = _integer("c_in", c_in, 1), _integer("c_out", c_out, 1), _integer("groups", groups, 1)
    if c_in % groups or c_out % groups:
        raise ValueError(f"groups must divide both channel counts, got groups {groups} for {c_in} -> {c_out} channels")
    return c_in, c_out


def _operands(x: Any, w: Any, b: Any, groups: int) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
    """x, w and b in one common type, after checking that they belong together."""
    x, w = _four_axes("x", x, "(N, C_in, H, W)"), _four_axes("w", w, "(C_out, C_in/G, K_h, K_w)")
    c_in, c_out = _channels(x.shape[1], w.shape[0], groups)
    if w.shape[1] != c_in // groups:
        expected = (c_out, c_in // groups, *w.shape[2:])
        raise ValueError(f"x has {c_in} channels in {groups} group(s), so w must have shape {expected}, got {w.shape}")
    b = None if b is None else _expect("b", b, (c_out,))
    dtype = np.result_type(x, w, *(() if b is None else (b,)))
    if dtype.kind in "biu":
        dtype = np.dtype(np.int64)
    return x.astype(dtype, copy=False), w.astype(dtype, copy=False), None if b is None else b.astype(dtype, copy=False)


def _output(x: np.ndarray, w: np.ndarray, stride: Pair, padding: Padding, dilation: Pair) -> tuple[int, int]:
    """(O_h, O_w), or ValueError where the kernel doesn't fit."""
    (s_h, s_w), (d_h, d_w), (rows, columns) = (
        _pair("stride", stride, 1),
        _pair("dilation", dilation, 1),
        _sides(padding),
    )
    return output_size(x.shape[2], w.shape[2], s_h, rows, d_h), output_size(x.shape[3], w.shape[3], s_w, columns, d_w)
