"""Costs are what counting PyTorch's own tensors gives, and the formula for the saving is the ratio of two counts."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from kernelbook import costs

CASES = settings(max_examples=60, deadline=None, derandomize=True)


def flops(model, *shape):
    """PyTorch's own counter: two for each multiply-add."""
    with FlopCounterMode(display=False) as counter:
        model(torch.empty(shape, device="meta"))
    return counter.get_total_flops()


@CASES
@given(
    *(st.integers(1, 3) for _ in range(3)),
    st.integers(1, 5),
    st.tuples(st.integers(9, 14), st.integers(9, 14)),
    st.integers(1, 3),
    st.integers(1, 2),
    st.booleans(),
    st.integers(1, 3),
)
def test_a_layer_costs_what_pytorch_counts(groups, members, makes, kernel, size, stride, dilation, bias, batch):
    c_in, c_out, padding = groups * members, groups * makes, dilation * (kernel - 1) // 2
    layer = nn.Conv2d(c_in, c_out, kernel, stride, padding, dilation, groups, bias, device="meta")
    cost = costs.conv(c_in, c_out, kernel, size, stride, None, dilation, groups, bias, batch)
    weights = sum(p.numel() for p in layer.parameters())
    out = layer(torch.empty(batch, c_in, *size, device="meta"))
    assert cost.parameters == weights
    assert 2 * cost.multiply_adds == flops(layer, batch, c_in, *size)
    assert cost.read == 4 * (batch * c_in * size[0] * size[1] + weights)
    assert cost.written == 4 * out.numel()
    assert cost.intensity == cost.multiply_adds / (cost.read + cost.written)


@CASES
@given(st.integers(1, 40), st.integers(1, 40), st.sampled_from([1, 3, 5]), st.integers(5, 12), st.integers(1, 2))
def test_the_saving_is_the_ratio_of_the_counts_whatever_c_in_is(c_in, c_out, kernel, size, stride):
    standard, split = costs.conv(c_in, c_out, kernel, size, stride), costs.separable(c_in, c_out, kernel, size, stride)
    assert standard.multiply_adds / split.multiply_adds == pytest.approx(costs.saving(c_out, kernel))
    assert standard.parameters / split.parameters == pytest.approx(costs.saving(c_out, kernel))
    assert costs.saving(c_out, kernel) < costs.saving(math.inf, kernel) == pytest.approx(kernel**2)


def test_two_layers_cost_what_they_cost_together():
    one, two = costs.conv(3, 4, 3, 8), costs.conv(4, 5, 1, 8)
    assert (one + two).moved == one.moved + two.moved
    assert (one + two).multiply_adds == one.multiply_adds + two.multiply_adds
    assert (one + two).parameters == 9 * 12 + 20


def test_the_roofline_bends_where_the_intensity_is_peak_over_bandwidth():
    thin, thick = costs.conv(64, 64, 3, 56, groups=64), costs.conv(64, 64, 3, 56)
    peak, bandwidth = 100e9, 10e9
    assert thin.intensity < peak / bandwidth < thick.intensity
    assert costs.attainable(thick, peak, bandwidth) == peak
    assert costs.attainable(thin, peak, bandwidth) == pytest.approx(bandwidth * thin.intensity)


def test_an_impossible_layer_is_refused():
    with pytest.raises(ValueError, match="groups must divide both"):
        costs.conv(64, 96, 3, 56, groups=64)
    with pytest.raises(ValueError, match="padded input has only"):
        costs.conv(1, 1, 5, 3, padding=0)
