"""Pooling in NumPy equals PyTorch's, forward and backward, in every corner that PyTorch allows."""

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from kernelbook import pooling

CASES = settings(max_examples=200, deadline=None, derandomize=True)


@st.composite
def cases(draw, dilated=True):
    """Arguments that PyTorch accepts: non-square, remainders, overlaps, gaps, padding, dilation, ceil_mode, ties."""
    kernel = draw(st.tuples(st.integers(1, 4), st.integers(1, 5)))
    stride = draw(st.one_of(st.none(), st.tuples(st.integers(1, 4), st.integers(1, 5))))
    dilation = draw(st.tuples(st.integers(1, 3), st.integers(1, 2))) if dilated else (1, 1)
    span = [d * (k - 1) + 1 for k, d in zip(kernel, dilation, strict=True)]
    padding = tuple(draw(st.integers(0, k // 2)) for k in kernel)
    least = [max(s - 2 * p, 1) for s, p in zip(span, padding, strict=True)]
    size = [low + draw(st.integers(0, 7)) for low in least]
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    most = draw(st.sampled_from([1, 2, 50]))  # few values make ties
    x = rng.integers(-most, most + 1, (draw(st.integers(1, 2)), draw(st.integers(1, 3)), *size))
    if draw(st.booleans()):
        x -= 100  # all negative: padding must not win
    how = {"kernel": kernel, "stride": stride, "padding": padding, "ceil_mode": draw(st.booleans())}
    return x, (how | {"dilation": dilation} if dilated else how)


def in_torch(how):
    how = dict(how)
    return {"kernel_size": how.pop("kernel"), **how}


def blind(x, how):
    """Whether a dilated window has all taps on the padding; PyTorch answers minus infinity there, we refuse."""
    ones = torch.ones(1, 1, *x.shape[2:], dtype=torch.float64)
    return bool(F.max_pool2d(ones, **in_torch(how)).isinf().any())


@CASES
@given(cases())
def test_max_pooling_is_exact_with_its_indices_and_its_gradient(case):
    x, how = case
    if blind(x, how):
        with pytest.raises(ValueError, match="all its taps on the padding"):
            pooling.max_pool2d(x, **how)
        return
    tensor = torch.tensor(x, dtype=torch.float64, requires_grad=True)
    values, indices = F.max_pool2d(tensor, return_indices=True, **in_torch(how))
    before = x.copy()
    ours = pooling.max_pool2d_with_indices(x, **how)
    assert ours.values.dtype == x.dtype
    assert (pooling.max_pool2d(x, **how) == ours.values).all()
    assert (ours.values == values.detach().numpy()).all()
    assert (ours.indices == indices.numpy()).all(), "the first of equals wins"
    g = np.random.default_rng(0).integers(-5, 6, values.shape)
    values.backward(torch.tensor(g, dtype=torch.float64))
    kept = g.copy()
    back = pooling.max_pool2d_backward(g, x, **how)
    assert (back == tensor.grad.numpy()).all()
    assert (x == before).all()
    assert (g == kept).all()


@CASES
@given(cases(dilated=False), st.booleans(), st.sampled_from([None, None, 1, 3, -2]))
def test_average_pooling_agrees_forward_and_backward(case, count_include_pad, divisor_override):
    x, how = case
    how |= {"count_include_pad": count_include_pad, "divisor_override": divisor_override}
    tensor = torch.tensor(x, dtype=torch.float64, requires_grad=True)
    values = F.avg_pool2d(tensor, **in_torch(how))
    before = x.copy()
    assert pooling.avg_pool2d(x, **how) == pytest.approx(values.detach().numpy(), rel=1e-12)
    g = np.random.default_rng(0).integers(-5, 6, values.shape)
    values.backward(torch.tensor(g, dtype=torch.float64))
    assert pooling.avg_pool2d_backward(g, x, **how) == pytest.approx(tensor.grad.numpy(), rel=1e-12, abs=1e-12)
    assert (x == before).all()


@settings(max_examples=400, deadline=None, derandomize=True)
@given(st.integers(1, 30), st.integers(1, 7), st.integers(1, 9), st.integers(0, 4), st.integers(1, 4), st.booleans())
def test_the_number_of_windows_is_pytorchs_or_both_refuse(size, kernel, stride, padding, dilation, ceil_mode):
    x = torch.zeros(1, 1, size, 1)
    try:
        theirs = F.max_pool2d(x, (kernel, 1), (stride, 1), (padding, 0), (dilation, 1), ceil_mode).shape[2]
    except RuntimeError:
        with pytest.raises(ValueError, match=r"padded input has only|at most half"):
            pooling.output_size(size, kernel, stride, padding, dilation, ceil_mode)
    else:
        assert pooling.output_size(size, kernel, stride, padding, dilation, ceil_mode) == theirs


def test_a_window_that_hangs_over_must_start_inside():
    assert pooling.output_size(5, 2) == 2
    assert pooling.output_size(5, 2, ceil_mode=True) == 3
    assert pooling.output_size(5, 3, 3, 1, ceil_mode=True) == 2  # a third would start on the right padding
    assert pooling.output_size(6, 1, 4, ceil_mode=True) == 2


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_floats_keep_their_type(dtype):
    x = np.random.default_rng(0).standard_normal((2, 3, 7, 8)).astype(dtype)
    assert pooling.max_pool2d(x, 3, 2, 1).dtype == dtype
    assert pooling.avg_pool2d(x, 3, 2, 1).dtype == dtype
    assert pooling.blur_pool2d(x).dtype == dtype
    assert (pooling.max_pool2d(x, 3, 2, 1) == F.max_pool2d(torch.tensor(x), 3, 2, 1).numpy()).all()


def test_the_least_integer_and_false_are_values_like_others():
    x = np.full((1, 1, 2, 2), np.iinfo(np.int8).min, np.int8)
    pooled = pooling.max_pool2d_with_indices(x, 2, 1, 1)
    assert pooled.values.tolist() == [[[[-128] * 3] * 3]]
    assert pooled.indices.min() == 0
    assert not pooling.max_pool2d(np.zeros((1, 1, 2, 2), bool), 2, 1, 1).any()


def test_not_a_number_stays_visible():
    x = np.zeros((1, 1, 4, 4))
    x[0, 0, 1, 1] = np.nan
    assert np.isnan(pooling.max_pool2d(x, 2)).sum() == np.isnan(F.max_pool2d(torch.tensor(x), 2).numpy()).sum() == 1


def test_global_pooling_is_adaptive_pooling_to_one():
    x = np.random.default_rng(0).integers(-9, 10, (2, 3, 4, 5))
    tensor = torch.tensor(x, dtype=torch.float64, requires_grad=True)
    mean, most = F.adaptive_avg_pool2d(tensor, 1).flatten(1), F.adaptive_max_pool2d(tensor, 1).flatten(1)
    assert pooling.global_avg_pool2d(x) == pytest.approx(mean.detach().numpy(), rel=1e-12)
    assert (pooling.global_max_pool2d(x) == most.detach().numpy()).all()
    g = np.arange(6).reshape(2, 3)
    mean.backward(torch.tensor(g, dtype=torch.float64))
    assert pooling.global_avg_pool2d_backward(g, x.shape) == pytest.approx(tensor.grad.numpy(), rel=1e-12)


@CASES
@given(
    st.integers(1, 6), st.integers(1, 4), st.integers(6, 12), st.integers(6, 12), st.sampled_from(["reflect", "zeros"])
)
def test_blur_pooling_is_a_fixed_depthwise_convolution(size, stride, height, width, mode):
    x = np.random.default_rng(height * width).integers(-9, 10, (2, 3, height, width)).astype(float)
    row = np.array([math.comb(size - 1, k) for k in range(size)]) / 2 ** (size - 1)
    kernel = torch.tensor(np.outer(row, row)).expand(3, 1, size, size)
    sides = ((size - 1) // 2, size // 2) * 2
    padded = F.pad(torch.tensor(x), sides, mode="reflect" if mode == "reflect" else "constant")
    expected = F.conv2d(padded, kernel, stride=stride, groups=3).numpy()
    assert expected.shape[2:] == (-(-height // stride), -(-width // stride))
    assert pooling.blur_pool2d(x, size, stride, mode) == pytest.approx(expected, rel=1e-12, abs=1e-12)
    layer = pooling.BlurPool2d(size, stride, mode)
    assert layer(torch.tensor(x)).numpy() == pytest.approx(expected, rel=1e-12, abs=1e-12)
    assert not list(layer.parameters())
    assert not layer.state_dict(), "what is fixed needs no saving"


def test_a_blur_keeps_a_flat_picture_and_kills_the_finest_stripes():
    stripes = np.tile([1.0, -1.0], 8)[None, None, None] * np.ones((1, 1, 16, 1))
    assert pooling.blur_pool2d(np.ones((1, 1, 7, 8))) == pytest.approx(np.ones((1, 1, 4, 4)))
    assert abs(pooling.blur_pool2d(stripes)).max() < 1e-12
    assert abs(pooling.blur_pool2d(stripes, size=1)).min() == 1, "without a blur stripes come out as a flat map"


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda x: pooling.max_pool2d(x[0], 2), r"x must have four axes \(N, C, H, W\), got shape \(2, 6, 7\)"),
        (lambda x: pooling.max_pool2d(x, 2, padding=2), "at most half the kernel, 1 for size 2, got 2"),
        (lambda x: pooling.max_pool2d(x, 0), "kernel must be at least 1, got 0"),
        (lambda x: pooling.max_pool2d(x, 2, stride=0), "stride must be at least 1, got 0"),
        (lambda x: pooling.avg_pool2d(x, 8), "the window covers 8 pixels, but the padded input has only 6"),
        (lambda x: pooling.avg_pool2d(x, 2, divisor_override=0), "must not be 0"),
        (lambda x: pooling.max_pool2d_backward(x, x, 2), r"g must have shape \(1, 2, 3, 3\), got \(1, 2, 6, 7\)"),
        (lambda x: pooling.avg_pool2d_backward(x, x, 2), r"g must have shape \(1, 2, 3, 3\), got \(1, 2, 6, 7\)"),
        (lambda x: pooling.global_avg_pool2d_backward(x, x.shape), r"g must have shape \(1, 2\)"),
        (lambda x: pooling.BlurPool2d(mode="mirror"), "got 'mirror'"),
        (lambda x: pooling.blur_pool2d(x, 0), "size must be at least 1, got 0"),
    ],
)
def test_bad_arguments_get_one_clear_error(call, message):
    with pytest.raises(ValueError, match=message):
        call(np.zeros((1, 2, 6, 7)))
