"""Channel operations equal PyTorch's, exactly on integers, and the modules have the sizes the chapter gives them."""

import itertools

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from kernelbook import channels, matrix, ops

CASES = settings(max_examples=60, deadline=None, derandomize=True)
WHOLE = st.integers(0, 2**32 - 1).map(np.random.default_rng)


def in_torch(function, x, w, b=None, **how):
    x, w, b = (None if a is None else torch.tensor(a, dtype=torch.float64) for a in (x, w, b))
    return function(x, w, b, **how).numpy()


@CASES
@given(WHOLE, st.integers(1, 5), st.integers(1, 5), st.integers(1, 6), st.integers(1, 6), st.booleans())
def test_pointwise_is_a_1x1_convolution_and_a_dense_layer_at_every_pixel(rng, c_in, c_out, height, width, bias):
    x, w = rng.integers(-9, 10, (2, c_in, height, width)), rng.integers(-9, 10, (c_out, c_in))
    b = rng.integers(-9, 10, c_out) if bias else None
    out = channels.pointwise(x, w, b)
    assert (out == in_torch(F.conv2d, x, w[:, :, None, None], b)).all()
    dense = in_torch(F.linear, x.transpose(0, 2, 3, 1), w, b)
    assert (out == dense.transpose(0, 3, 1, 2)).all()


@CASES
@given(WHOLE, st.integers(1, 4), st.integers(1, 3), st.integers(1, 3), st.tuples(st.integers(1, 3), st.integers(1, 4)))
def test_grouped_filters_are_standard_ones_with_zeros(rng, groups, members, makes, kernel):
    x = rng.integers(-9, 10, (2, groups * members, 6, 7))
    w = rng.integers(-9, 10, (groups * makes, members, *kernel))
    full = channels.ungroup(w, groups)
    assert full.shape == (groups * makes, groups * members, *kernel)
    assert (in_torch(F.conv2d, x, full) == in_torch(F.conv2d, x, w, groups=groups)).all()
    assert np.count_nonzero(full) == np.count_nonzero(w)


@CASES
@given(st.integers(1, 5), st.integers(1, 5))
def test_shuffle_is_pytorchs(groups, members):
    x = np.arange(2 * groups * members * 6).reshape(2, groups * members, 2, 3)
    assert (channels.shuffle(x, groups) == nn.ChannelShuffle(groups)(torch.tensor(x)).numpy()).all()


@CASES
@given(WHOLE, st.integers(1, 4), st.integers(1, 4), st.integers(1, 3), st.tuples(st.integers(1, 3), st.integers(1, 4)))
def test_a_separable_layer_is_a_standard_one_with_merged_filters(rng, c_in, c_out, multiplier, kernel):
    x = rng.integers(-9, 10, (2, c_in, 6, 8))
    depth, point = (
        rng.integers(-9, 10, (c_in * multiplier, 1, *kernel)),
        rng.integers(-9, 10, (c_out, c_in * multiplier)),
    )
    steps = channels.pointwise(ops.conv2d(x, depth, groups=c_in), point)
    assert (steps == in_torch(F.conv2d, x, channels.merge(depth, point, multiplier))).all()


@CASES
@given(WHOLE, st.integers(1, 4), st.integers(1, 12), st.tuples(st.integers(1, 3), st.integers(1, 4)))
def test_separate_loses_nothing_at_full_rank_and_never_gets_worse_with_more_kernels(rng, c_in, c_out, kernel):
    w = rng.standard_normal((c_out, c_in, *kernel))
    full = min(c_out, kernel[0] * kernel[1])
    errors = []
    for multiplier in range(1, full + 1):
        depth, point = channels.separate(w, multiplier)
        assert depth.shape == (c_in * multiplier, 1, *kernel)
        errors.append(np.square(channels.merge(depth, point, multiplier) - w).sum())
    assert errors[-1] < 1e-20 * np.square(w).sum() + 1e-24
    assert all(later <= earlier + 1e-12 for earlier, later in itertools.pairwise(errors))


def test_separate_finds_again_what_was_separable():
    rng = np.random.default_rng(0)
    w = channels.merge(rng.standard_normal((3, 1, 3, 2)), rng.standard_normal((5, 3)))
    assert np.allclose(channels.merge(*channels.separate(w)), w)
    assert not np.allclose(channels.merge(*channels.separate(rng.standard_normal(w.shape))), w)


@st.composite
def transposed(draw):
    groups = draw(st.integers(1, 3))
    c_in, makes = groups * draw(st.integers(1, 2)), draw(st.integers(1, 2))
    kernel = draw(st.tuples(st.integers(1, 4), st.integers(1, 4)))
    stride, dilation = (draw(st.tuples(st.integers(1, 3), st.integers(1, 3))) for _ in range(2))
    padding = draw(st.tuples(st.integers(0, 2), st.integers(0, 2)))
    extra = tuple(draw(st.integers(0, max(s, d) - 1)) for s, d in zip(stride, dilation, strict=True))
    rng = draw(WHOLE)
    x = rng.integers(-9, 10, (2, c_in, draw(st.integers(1, 5)), draw(st.integers(1, 5))))
    w, b = rng.integers(-9, 10, (c_in, makes, *kernel)), rng.integers(-9, 10, groups * makes)
    how = {"stride": stride, "padding": padding, "output_padding": extra, "groups": groups, "dilation": dilation}
    return x, w, b, how


@settings(max_examples=200, deadline=None, derandomize=True)
@given(transposed())
def test_transposed_convolution_is_pytorchs(case):
    x, w, b, how = case
    try:
        expected = in_torch(F.conv_transpose2d, x, w, b, **how)
    except RuntimeError:
        with pytest.raises(ValueError, match="nothing is left"):
            channels.conv_transpose2d(x, w, b, **how)
        return
    out = channels.conv_transpose2d(x, w, b, **how)
    assert out.shape == expected.shape
    assert (out == expected).all()


@CASES
@given(WHOLE, st.integers(1, 2), st.integers(1, 3), st.integers(0, 2), st.integers(1, 2), st.integers(3, 5))
def test_the_transposed_layer_is_the_transposed_matrix(rng, c_out, stride, padding, dilation, size):
    w = rng.integers(-9, 10, (c_out, 2, 2, 2))
    x = rng.integers(-9, 10, (1, 2, size, size + 1))
    how = {"stride": stride, "padding": padding, "dilation": dilation}
    y = in_torch(F.conv2d, x, w, **how)
    transpose = matrix.convolution_matrix(w, (size, size + 1), **how).T
    extra = tuple(
        full - channels.transposed_size(part, 2, stride, padding, 0, dilation)
        for full, part in zip(x.shape[2:], y.shape[2:], strict=True)
    )
    if max(extra) < max(stride, dilation):
        back = channels.conv_transpose2d(y, w, output_padding=extra, **how)
        assert (transpose @ y.ravel() == back.ravel()).all()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: channels.pointwise(np.zeros((1, 2, 3, 3)), np.zeros((4, 3))), r"C_in.*\(1, 2, 3, 3\) and \(4, 3\)"),
        (lambda: channels.ungroup(np.zeros((3, 1, 2, 2)), 2), "multiple of 2"),
        (lambda: channels.shuffle(np.zeros((1, 4, 2, 2)), 3), "multiple of 3"),
        (lambda: channels.merge(np.zeros((3, 1, 2, 2)), np.zeros((4, 2))), r"point \(C_out, C_in M\)"),
        (lambda: channels.separate(np.zeros((4, 3, 2, 2)), 5), "from 1 to 4"),
        (lambda: channels.transposed_size(3, 3, stride=2, output_padding=2), "less than stride"),
        (lambda: channels.transposed_size(1, 1, padding=1), "nothing is left"),
        (lambda: channels.conv_transpose2d(np.zeros((1, 2, 3, 3)), np.zeros((3, 1, 2, 2))), r"w \(C_in"),
    ],
)
def test_bad_arguments_are_refused_in_words(call, message):
    with pytest.raises(ValueError, match=message):
        call()


@pytest.mark.parametrize("kernel_size", [1, 3, 5, 7])
@pytest.mark.parametrize("dilation", [1, 2])
def test_the_separable_block_keeps_the_size_for_every_odd_kernel(kernel_size, dilation):
    block = channels.DepthwiseSeparable(4, 6, kernel_size, dilation=dilation)
    assert block(torch.zeros(2, 4, 15, 16)).shape == (2, 6, 15, 16)
    halved = channels.DepthwiseSeparable(4, 6, kernel_size, stride=2, dilation=dilation)
    assert halved(torch.zeros(2, 4, 15, 16)).shape == (2, 6, 8, 8)
    assert sum(p.numel() for p in block.parameters()) == 4 * kernel_size**2 + 4 * 6 + 2 * (4 + 6)
