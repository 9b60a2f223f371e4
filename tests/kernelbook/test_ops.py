"""The NumPy reference equals PyTorch: exactly on integers, to rounding on floats, forward and backward."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from kernelbook import ops

CASES = settings(max_examples=200, deadline=None, derandomize=True)
MODES = {"zeros": "constant", "reflect": "reflect", "replicate": "replicate", "circular": "circular"}


@st.composite
def cases(draw, least_n=0):
    """Arguments of a convolution that fits: non-square, even kernels, remainders, dilation, groups, padding."""
    groups = draw(st.integers(1, 3))
    c_in, c_out = groups * draw(st.integers(1, 3)), groups * draw(st.integers(1, 3))
    kernel = draw(st.tuples(st.integers(1, 4), st.integers(1, 5)))
    stride = draw(st.tuples(st.integers(1, 4), st.integers(1, 3)))
    dilation = draw(st.tuples(st.integers(1, 3), st.integers(1, 2)))
    padding = draw(st.tuples(st.integers(0, 3), st.integers(0, 4)))
    size = [max(d * (k - 1) + 1 - 2 * p, 1) for k, d, p in zip(kernel, dilation, padding, strict=True)]
    size = [least + draw(st.integers(0, 6)) for least in size]
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    x = rng.integers(-9, 10, (draw(st.integers(least_n, 2)), c_in, *size))
    w = rng.integers(-9, 10, (c_out, c_in // groups, *kernel))
    b = draw(st.sampled_from([None, rng.integers(-9, 10, c_out)]))
    return x, w, b, {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}


def in_torch(x, w, b, **arguments):
    """PyTorch's answer in float64, exact for small integers."""
    x, w, b = (None if a is None else torch.tensor(a, dtype=torch.float64) for a in (x, w, b))
    return F.conv2d(x, w, b, **arguments).numpy()


@CASES
@given(cases())
def test_forward_is_exact_on_integers(case):
    x, w, b, arguments = case
    expected = in_torch(x, w, b, **arguments)
    before = [None if a is None else a.copy() for a in (x, w, b)]
    for route in (ops.conv2d, ops.conv2d_loop):
        out = route(x, w, b, **arguments)
        assert out.dtype == np.int64
        assert out.shape == expected.shape
        assert (out == expected).all()
    for array, copy in zip((x, w, b), before, strict=True):
        assert array is None or (array == copy).all(), "an argument was changed"


@CASES
@given(cases(), st.sampled_from([np.float32, np.float64]))
def test_forward_agrees_to_rounding_and_keeps_the_type(case, dtype):
    x, w, b, arguments = case
    x, w, b = (None if a is None else (a / 7).astype(dtype) for a in (x, w, b))
    expected = in_torch(x, w, b, **arguments)
    scale = ops.conv2d(abs(x), abs(w), None if b is None else abs(b), **arguments)
    for route in (ops.conv2d, ops.conv2d_loop):
        out = route(x, w, b, **arguments)
        assert out.dtype == dtype
        assert (abs(out - expected) <= 50 * np.finfo(dtype).eps * scale).all()


@CASES
@given(cases(least_n=1))
def test_backward_equals_autograd_exactly_on_integers(case):
    x, w, b, arguments = case
    b = np.zeros(len(w), int) if b is None else b
    tensors = [torch.tensor(a, dtype=torch.float64, requires_grad=True) for a in (x, w, b)]
    out = F.conv2d(*tensors, **arguments)
    g = np.random.default_rng(0).integers(-5, 6, out.shape)
    out.backward(torch.tensor(g, dtype=torch.float64))
    before = [a.copy() for a in (g, x, w)]
    grads = ops.conv2d_backward(g, x, w, **arguments)
    for grad, tensor in zip(grads, tensors, strict=True):
        assert tensor.grad is not None
        assert grad.shape == tensor.shape
        assert (grad == tensor.grad.numpy()).all()
    for array, copy in zip((g, x, w), before, strict=True):
        assert (array == copy).all(), "an argument was changed"


@CASES
@given(cases(least_n=1))
def test_the_input_gradient_is_a_full_correlation_with_the_flipped_kernel(case):
    """What the chapter says of the backward pass, at any stride: spread, pad, turn, slide. One group, no padding."""
    x, w, _, arguments = case
    w = np.repeat(w, arguments["groups"], axis=1)
    stride, dilation = arguments["stride"], arguments["dilation"]
    if any(d * (k - 1) + 1 > s for d, k, s in zip(dilation, w.shape[2:], x.shape[2:], strict=True)):
        return
    g = np.random.default_rng(1).integers(-5, 6, ops.conv2d(x, w, stride=stride, dilation=dilation).shape)
    reach = [d * (k - 1) for d, k in zip(dilation, w.shape[2:], strict=True)]
    back = ops.conv2d(ops.spread(g, stride), ops.flip(w).swapaxes(0, 1), padding=tuple(reach), dilation=dilation)
    expected = ops.conv2d_backward(g, x, w, stride, dilation=dilation).x
    height, width = back.shape[2:]
    assert (expected[:, :, :height, :width] == back).all()
    assert not expected[:, :, height:].any(), "pixels past the last window have no gradient"
    assert not expected[:, :, :, width:].any(), "pixels past the last window have no gradient"


@CASES
@given(cases())
def test_im2col_and_its_transpose_are_unfold_and_fold(case):
    x, w, _, arguments = case
    arguments = {name: arguments[name] for name in ("stride", "padding", "dilation")}
    if not len(x):
        return
    tensor = torch.tensor(x, dtype=torch.float64)
    columns = ops.im2col(x, w.shape[2:], **arguments)
    assert (columns == F.unfold(tensor, w.shape[2:], **arguments).numpy()).all()
    folded = F.fold(torch.tensor(columns, dtype=torch.float64), x.shape[2:], w.shape[2:], **arguments)
    assert (ops.col2im(columns, x.shape, w.shape[2:], **arguments) == folded.numpy()).all()


@CASES
@given(cases())
def test_fourier_route_rounds_to_the_same_integers(case):
    x, w, _, _ = case
    w = np.repeat(w, x.shape[1] // w.shape[1], axis=1)
    if any(k > s for k, s in zip(w.shape[2:], x.shape[2:], strict=True)):
        return
    out = ops.conv2d_fft(x, w)
    assert (np.rint(out) == ops.conv2d(x, w)).all()
    assert abs(out - np.rint(out)).max(initial=0) < 1e-9


@pytest.mark.parametrize("kernel", [(3, 3), (2, 5)])
def test_true_convolution_is_numpys_in_one_dimension_and_a_turned_correlation_in_two(kernel):
    x, w = np.arange(12).reshape(1, 1, 1, 12), np.array([[[[3, -1, 4]]]])
    assert ops.true_conv2d(x, w).ravel().tolist() == np.convolve(x.ravel(), w.ravel(), "valid").tolist()
    rng = np.random.default_rng(0)
    x, w = rng.integers(-9, 10, (2, 3, 7, 8)), rng.integers(-9, 10, (4, 3, *kernel))
    turned = np.rot90(w, 2, axes=(2, 3))
    assert (ops.true_conv2d(x, w) == ops.conv2d(x, turned)).all()
    assert (ops.flip(ops.flip(w)) == w).all()


@settings(max_examples=400, deadline=None, derandomize=True)
@given(st.integers(1, 40), st.integers(1, 9), st.integers(1, 6), st.integers(0, 5), st.integers(1, 4))
def test_output_size_counts_the_places_where_the_kernel_fits(size, kernel, stride, padding, dilation):
    places = [i for i in range(0, size + 2 * padding, stride) if i + dilation * (kernel - 1) < size + 2 * padding]
    if not places:
        with pytest.raises(ValueError, match="padded input has only"):
            ops.output_size(size, kernel, stride, padding, dilation)
    else:
        assert ops.output_size(size, kernel, stride, padding, dilation) == len(places)
        x, w = torch.zeros(1, 1, size, 1), torch.zeros(1, 1, kernel, 1)
        out = F.conv2d(x, w, stride=(stride, 1), padding=(padding, 0), dilation=(dilation, 1))
        assert out.shape[2] == len(places)


@settings(max_examples=400, deadline=None, derandomize=True)
@given(st.integers(1, 40), st.integers(1, 9), st.integers(1, 6), st.integers(1, 4))
def test_same_padding_gives_the_ceiling_and_no_zero_too_many(size, kernel, stride, dilation):
    before, after = ops.same_padding(size, kernel, stride, dilation)
    assert ops.output_size(size, kernel, stride, (before, after), dilation) == -(-size // stride)
    assert after - before in (0, 1)
    if before + after:
        fewer = size + before + after - 1
        span = dilation * (kernel - 1) + 1
        assert fewer < span or (fewer - span) // stride + 1 < -(-size // stride)


@pytest.mark.parametrize("kernel", [(1, 2), (3, 4), (4, 3), (5, 5)])
@pytest.mark.parametrize("dilation", [1, 2])
def test_same_padding_at_stride_one_is_pytorchs(kernel, dilation):
    rng = np.random.default_rng(0)
    x, w = rng.integers(-9, 10, (1, 2, 9, 8)), rng.integers(-9, 10, (3, 2, *kernel))
    padding = tuple(ops.same_padding(s, k, 1, dilation) for s, k in zip(x.shape[2:], kernel, strict=True))
    expected = in_torch(x, w, None, padding="same", dilation=dilation)
    assert (ops.conv2d(x, w, padding=padding, dilation=dilation) == expected).all()


def test_asymmetric_padding_lies_on_the_side_it_was_given():
    x = np.arange(6).reshape(1, 1, 2, 3)
    padded = ops.pad2d(x, ((1, 0), (0, 2)))
    assert padded[0, 0].tolist() == [[0, 0, 0, 0, 0], [0, 1, 2, 0, 0], [3, 4, 5, 0, 0]]
    g, w = np.ones((1, 1, 2, 4), int), np.arange(4).reshape(1, 1, 2, 2)
    assert ops.conv2d(x, w, padding=((1, 0), (0, 2))).shape == g.shape
    grad = ops.conv2d_backward(g, x, w, padding=((1, 0), (0, 2))).x
    for i, j in np.ndindex(2, 3):  # the map is linear, so a unit step in one pixel is its derivative
        step = x.copy()
        step[0, 0, i, j] += 1
        rise = ops.conv2d(step, w, padding=((1, 0), (0, 2))) - ops.conv2d(x, w, padding=((1, 0), (0, 2)))
        assert grad[0, 0, i, j] == rise.sum()


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("padding", [0, 1, (2, 3), (0, 3)])
def test_padding_modes_are_pytorchs(mode, padding):
    x = np.arange(2 * 3 * 4 * 5.0).reshape(2, 3, 4, 5)
    p_h, p_w = (padding, padding) if isinstance(padding, int) else padding
    expected = F.pad(torch.tensor(x), (p_w, p_w, p_h, p_h), mode=MODES[mode]).numpy()
    assert (ops.pad2d(x, padding, mode) == expected).all()


@pytest.mark.parametrize(("mode", "most"), [("reflect", 3), ("circular", 4)])
def test_padding_from_pixels_that_do_not_exist_is_refused_where_pytorch_refuses_it(mode, most):
    x = np.zeros((1, 1, 4, 9))
    assert ops.pad2d(x, (most, 0), mode).shape == (1, 1, 4 + 2 * most, 9)
    with pytest.raises(ValueError, match="pixels there are"):
        ops.pad2d(x, (most + 1, 0), mode)
    with pytest.raises(RuntimeError):
        F.pad(torch.tensor(x), (0, 0, most + 1, most + 1), mode=MODES[mode])


@pytest.mark.parametrize("groups", [1, 2, 4])
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("kernel", [3, (2, 5)])
def test_counts_are_the_layers_own(groups, bias, kernel):
    layer = torch.nn.Conv2d(8, 12, kernel, stride=2, padding=1, groups=groups, bias=bias)
    assert ops.parameters(8, 12, kernel, groups, bias) == sum(p.numel() for p in layer.parameters())
    output = layer(torch.zeros(1, 8, 11, 14)).shape[2:]
    from torch.utils.flop_counter import FlopCounterMode

    with FlopCounterMode(display=False) as counter:
        layer(torch.zeros(1, 8, 11, 14))
    assert 2 * ops.multiply_adds(8, 12, kernel, tuple(output), groups) == counter.get_total_flops()


def test_bytes_are_added_without_overflow():
    x, w = np.full((1, 1, 3, 3), 255, np.uint8), np.ones((1, 1, 3, 3), np.int8)
    assert ops.conv2d(x, w).item() == 9 * 255
    assert ops.conv2d_backward(np.array([[[[200]]]], np.uint8), x, w).w.max() == 200 * 255


def test_one_bit_masks_count():
    assert ops.conv2d(np.ones((1, 1, 2, 2), bool), np.ones((1, 1, 2, 2), bool)).item() == 4


@pytest.mark.parametrize("route", [ops.conv2d, ops.conv2d_loop, ops.true_conv2d])
@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"x": np.zeros((5, 5))}, r"x must have four axes \(N, C_in, H, W\), got shape \(5, 5\)"),
        ({"w": np.zeros((3, 3))}, r"w must have four axes .*, got shape \(3, 3\)"),
        ({"w": np.zeros((2, 3, 3, 3))}, r"w must have shape \(2, 2, 3, 3\), got \(2, 3, 3, 3\)"),
        ({"b": np.zeros(3)}, r"b must have shape \(2,\), got \(3,\)"),
        ({"b": np.zeros((2, 1))}, r"b must have shape \(2,\), got \(2, 1\)"),
        ({"stride": 0}, "stride must be at least 1, got 0"),
        ({"stride": (1, -1)}, "stride must be at least 1, got -1"),
        ({"stride": 1.5}, "stride must be an integer, got 1.5"),
        ({"stride": (1, 2, 3)}, "stride must be one integer or two"),
        ({"padding": -1}, "padding must be at least 0, got -1"),
        ({"padding": "same"}, "same_padding computes them"),
        ({"dilation": 0}, "dilation must be at least 1"),
        ({"dilation": 4}, "the kernel covers 9 pixels, but the padded input has only 6"),
        ({"groups": 3}, "groups must divide both channel counts, got groups 3 for 2 -> 2 channels"),
        ({"groups": 0}, "groups must be at least 1"),
        ({"groups": 2}, r"w must have shape \(2, 1, 3, 3\), got \(2, 2, 3, 3\)"),
    ],
)
def test_bad_arguments_get_one_clear_error(route, change, message):
    arguments = {"x": np.zeros((1, 2, 6, 7)), "w": np.zeros((2, 2, 3, 3)), **change}
    with pytest.raises(ValueError, match=message):
        route(**arguments)


def test_backward_refuses_a_gradient_of_another_shape():
    with pytest.raises(ValueError, match=r"g must have shape \(1, 2, 4, 5\), got \(1, 2, 5, 4\)"):
        ops.conv2d_backward(np.zeros((1, 2, 5, 4)), np.zeros((1, 2, 6, 7)), np.zeros((2, 2, 3, 3)))
    with pytest.raises(ValueError, match=r"columns must have shape \(1, 9, 4\), got \(1, 4, 9\)"):
        ops.col2im(np.zeros((1, 4, 9)), (1, 1, 4, 4), 3)


def test_an_unknown_padding_mode_is_named_with_the_known_ones():
    with pytest.raises(ValueError, match="zeros, reflect, replicate, circular; got 'mirror'"):
        ops.pad2d(np.zeros((1, 1, 3, 3)), 1, "mirror")
