"""Every route gives PyTorch's answer: exactly where the arithmetic is exact, else to rounding, in its own precision."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from kernelbook import fast_convolution as fast

CASES = settings(max_examples=60, deadline=None, derandomize=True)
WHOLE = st.integers(0, 2**32 - 1).map(np.random.default_rng)
SIZES = st.tuples(st.integers(3, 11), st.integers(3, 11))


def in_torch(x, w):
    return F.conv2d(torch.tensor(x, dtype=torch.float64), torch.tensor(w, dtype=torch.float64)).numpy()


@CASES
@given(WHOLE, SIZES, st.integers(1, 3), st.integers(1, 3), st.tuples(st.integers(1, 3), st.integers(1, 3)))
def test_direct_is_exact_on_integers_in_every_order(rng, size, c_in, c_out, kernel):
    x, w = rng.integers(-9, 10, (2, c_in, *size)), rng.integers(-9, 10, (c_out, c_in, *kernel))
    for order in fast.ORDERS:
        assert (fast.direct(x, w, order) == in_torch(x, w)).all()


@CASES
@given(WHOLE, SIZES, st.integers(1, 3), st.integers(1, 3), st.sampled_from([2, 4]))
def test_winograd_equals_the_definition(rng, size, c_in, c_out, tile):
    x, w = rng.integers(-9, 10, (2, c_in, *size)), rng.integers(-9, 10, (c_out, c_in, 3, 3))
    before = x.copy(), w.copy()
    out = fast.winograd(x, w, tile)
    expected = in_torch(x, w)
    assert out.shape == expected.shape
    assert abs(out - expected).max() < 1e-9
    if tile == 2:
        assert (out == expected).all(), "halves and quarters are exact in binary"
    assert (x == before[0]).all()
    assert (w == before[1]).all()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_every_route_keeps_its_precision_and_errs_by_rounding_only(dtype):
    rng = np.random.default_rng(0)
    x, w = rng.standard_normal((1, 16, 9, 10)).astype(dtype), rng.standard_normal((3, 16, 3, 3)).astype(dtype)
    truth = in_torch(x.astype(float), w.astype(float))
    routes = [fast.direct(x, w, order) for order in fast.ORDERS] + [fast.winograd(x, w, tile) for tile in (2, 4)]
    for out in routes:
        assert out.dtype == dtype
        assert abs(out - truth).max() < 200 * np.finfo(dtype).eps * abs(truth).max()


@CASES
@given(WHOLE, st.integers(0, 40))
def test_sums_in_any_order_are_sums(rng, terms):
    numbers = rng.integers(-99, 100, (3, terms))
    for order in fast.ORDERS:
        assert (fast.add_up(numbers, order) == numbers.sum(-1)).all()


def test_orders_round_as_their_names_say():
    terms = np.array([1e8, 1, 1, 1, 1], np.float32)
    assert fast.add_up(terms, "forward") == np.float32(1e8)
    assert fast.add_up(terms, "backward") == np.float32(1e8) + np.float32(4) == np.float32(100000000)
    many = np.full(4096, 0.1, np.float32)
    exact = float(many[0]) * 4096
    errors = {order: abs(float(fast.add_up(many, order)) - exact) for order in fast.ORDERS}
    assert errors["pairs"] == 0.0
    assert errors["forward"] == errors["backward"] > 0


def test_multiplications_are_those_of_the_tiles():
    assert fast.multiplications(2) == 36
    assert fast.multiplications(2, tile=2) == 16
    assert fast.multiplications(4, tile=4) == 36
    assert fast.multiplications(5, tile=2) == 9 * 16


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: fast.winograd(np.zeros((1, 1, 5, 5)), np.zeros((1, 1, 5, 5))), "3 x 3 kernels"),
        (lambda: fast.winograd(np.zeros((1, 1, 5, 5)), np.zeros((1, 1, 3, 3)), tile=3), "tile must be one of 2, 4"),
        (lambda: fast.winograd(np.zeros((1, 2, 5, 5)), np.zeros((1, 1, 3, 3))), r"expected x \(N, 1"),
        (lambda: fast.direct(np.zeros((1, 2, 5, 5)), np.zeros((1, 1, 3, 3))), r"expected x"),
        (lambda: fast.add_up(np.zeros(3), "sideways"), "order must be one of"),
    ],
)
def test_bad_arguments_are_refused_in_words(call, message):
    with pytest.raises(ValueError, match=message):
        call()
