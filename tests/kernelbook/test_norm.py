"""Batch normalisation in NumPy equals PyTorch's: forward, backward, running averages, evaluation, folded away."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from kernelbook import norm

CASES = settings(max_examples=80, deadline=None, derandomize=True)
EXAMPLE = np.array([[[[9, 5], [5, 5]]], [[[3, 3], [3, 7]]]])  # two maps, one channel: mean 5, standard deviation 2


@st.composite
def batches(draw):
    """x (N, C, H, W) of awkward sizes, far from mean 0, with a scale and a shift."""
    shape = [draw(st.integers(1, most)) for most in (5, 4, 7, 6)]
    if shape[0] * shape[2] * shape[3] == 1:
        shape[3] = 2
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    x = rng.normal(draw(st.floats(-50, 50)), draw(st.floats(0.1, 20)), shape)
    return x, rng.normal(size=shape[1]), rng.normal(size=shape[1]), rng.normal(size=shape)


@CASES
@given(batches())
def test_forward_and_backward_equal_pytorch(case):
    x, scale, shift, slopes = case
    tensors = [torch.tensor(a, requires_grad=True) for a in (x, scale, shift)]
    theirs = F.batch_norm(tensors[0], None, None, tensors[1], tensors[2], training=True)
    before = x.copy()
    ours = norm.batch_norm(x, scale, shift)
    assert ours.values == pytest.approx(theirs.detach().numpy(), rel=1e-9, abs=1e-9)
    theirs.backward(torch.tensor(slopes))
    back = norm.batch_norm_backward(slopes, x, scale)
    for mine, tensor in zip(back, tensors, strict=True):
        assert mine == pytest.approx(tensor.grad.numpy(), rel=1e-7, abs=1e-7)
    assert (x == before).all()


@CASES
@given(batches(), st.floats(0.01, 1))
def test_running_averages_and_evaluation_equal_pytorch(case, momentum):
    x, scale, shift, _ = case
    layer = nn.BatchNorm2d(x.shape[1], momentum=momentum).double()
    with torch.no_grad():
        layer.weight.copy_(torch.tensor(scale))
        layer.bias.copy_(torch.tensor(shift))
    layer(torch.tensor(x))
    found, number = norm.batch_norm(x, scale, shift), x.size / x.shape[1]
    mean = norm.running(np.zeros(x.shape[1]), found.mean, momentum)
    variance = norm.running(np.ones(x.shape[1]), found.variance * number / (number - 1), momentum)
    assert mean == pytest.approx(layer.running_mean.numpy(), rel=1e-9, abs=1e-9)
    assert variance == pytest.approx(layer.running_var.numpy(), rel=1e-9, abs=1e-9)
    theirs = layer.eval()(torch.tensor(x)).detach().numpy()
    assert norm.batch_norm_evaluation(x, scale, shift, mean, variance) == pytest.approx(theirs, rel=1e-9, abs=1e-9)


def test_the_example_by_hand():
    found = norm.batch_norm(EXAMPLE, np.ones(1), np.zeros(1), epsilon=0)
    assert (found.mean, found.variance) == (5, 4), "over pictures and positions, divided by their number"
    assert found.values.tolist() == [[[[2, 0], [0, 0]]], [[[-1, -1], [-1, 1]]]]


def test_adding_a_constant_to_a_channel_changes_nothing():
    x = np.random.default_rng(0).normal(size=(4, 3, 5, 6))
    one, zero = np.ones(3), np.zeros(3)
    moved = norm.batch_norm(x + np.array([5, -7, 100])[:, None, None], one, zero).values
    assert moved == pytest.approx(norm.batch_norm(x, one, zero).values, abs=1e-11)


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("groups", [1, 2])
def test_a_folded_convolution_does_what_the_two_did(bias, groups):
    torch.manual_seed(0)
    conv = nn.Conv2d(4, 6, (3, 2), stride=2, padding=1, groups=groups, bias=bias).double()
    layer = nn.BatchNorm2d(6).double()
    for value in (layer.weight, layer.bias, layer.running_mean):
        nn.init.normal_(value)
    nn.init.uniform_(layer.running_var, 0.5, 2)
    x = torch.randn(3, 4, 9, 8).double()
    expected = layer.eval()(conv(x)).detach().numpy()
    old = conv.bias.detach().numpy() if bias else None
    state = [t.detach().numpy() for t in (layer.weight, layer.bias, layer.running_mean, layer.running_var)]
    weight, new = norm.fold(conv.weight.detach().numpy(), old, *state)
    folded = F.conv2d(x, torch.tensor(weight), torch.tensor(new), 2, 1, groups=groups)
    assert folded.numpy() == pytest.approx(expected, abs=1e-10)


def test_wrong_shapes_say_what_they_should_have_been():
    x, one = np.zeros((2, 3, 4, 5)), np.ones(3)
    with pytest.raises(ValueError, match=r"x must be \(N, C, H, W\), got shape \(3,\)"):
        norm.batch_norm(one, one, one)
    with pytest.raises(ValueError, match=r"scale must have shape \(3,\), one number a channel, got \(4,\)"):
        norm.batch_norm(x, np.ones(4), one)
    with pytest.raises(ValueError, match="more than one number a channel"):
        norm.batch_norm(np.zeros((1, 3, 1, 1)), one, one)
    with pytest.raises(ValueError, match="slopes must have the shape of x"):
        norm.batch_norm_backward(x[:1], x, one)
    with pytest.raises(ValueError, match=r"mean must have shape \(6,\), one number a filter, got \(3,\)"):
        norm.fold(np.zeros((6, 2, 3, 3)), None, np.ones(6), np.ones(6), one, np.ones(6))
