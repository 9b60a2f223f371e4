"""A convolution's matrix gives PyTorch's answers, as a dense layer, and has the structure that its module claims."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from kernelbook import matrix

CASES = settings(max_examples=150, deadline=None, derandomize=True)


@st.composite
def cases(draw):
    """x (C_in, H, W), w (C_out, C_in, K_h, K_w) of whole numbers and a layer that fits: not square, with remainders."""
    c_in, c_out = draw(st.integers(1, 3)), draw(st.integers(1, 3))
    kernel = draw(st.tuples(st.integers(1, 4), st.integers(1, 3)))
    stride = draw(st.tuples(st.integers(1, 3), st.integers(1, 3)))
    dilation = draw(st.tuples(st.integers(1, 2), st.integers(1, 2)))
    padding = draw(st.tuples(st.integers(0, 2), st.integers(0, 3)))
    size = [max(d * (k - 1) + 1 - 2 * p, 1) for k, d, p in zip(kernel, dilation, padding, strict=True)]
    height, width = (least + draw(st.integers(0, 4)) for least in size)
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    x = random.integers(-9, 10, (c_in, height, width))
    w = random.integers(-9, 10, (c_out, c_in, *kernel))
    return x, w, {"stride": stride, "padding": padding, "dilation": dilation}


def in_torch(x, w, how):
    return F.conv2d(torch.tensor(x[None]).double(), torch.tensor(w).double(), **how)[0].numpy()


@CASES
@given(cases())
def test_the_matrix_as_a_dense_layer_is_the_convolution(case):
    x, w, how = case
    expected = in_torch(x, w, how)
    before = w.copy()
    built = matrix.convolution_matrix(w, x.shape[1:], **how)
    assert built.shape == (expected.size, x.size)
    assert built.dtype == w.dtype
    dense = torch.nn.Linear(x.size, expected.size, bias=False).double()
    with torch.no_grad():
        dense.weight.copy_(torch.tensor(built))
        answer = dense(torch.tensor(x).double().ravel()).numpy()
    assert (answer.reshape(expected.shape) == expected).all()
    assert (w == before).all(), "an argument was changed"


@CASES
@given(cases())
def test_the_transposed_matrix_is_the_backward_pass(case):
    x, w, how = case
    tensor = torch.tensor(x[None]).double().requires_grad_()
    y = F.conv2d(tensor, torch.tensor(w).double(), **how)
    g = np.random.default_rng(0).integers(-5, 6, y.shape)
    y.backward(torch.tensor(g).double())
    back = matrix.convolution_matrix(w, x.shape[1:], **how).T @ g.ravel()
    assert (back == tensor.grad.numpy().ravel()).all()


@CASES
@given(cases())
def test_links_are_what_the_matrix_holds(case):
    x, w, how = case
    links = matrix.entries(w.shape, x.shape[1:], **how)
    numbers = matrix.weight_numbers(w.shape, x.shape[1:], **how)
    assert len(links.row) == (numbers > 0).sum()
    assert (numbers[links.row, links.column] == links.weight + 1).all()
    assert len(set(zip(links.row.tolist(), links.column.tolist(), strict=True))) == len(links.row)
    assert np.bincount(links.row, minlength=1).max(initial=0) <= w[0].size
    picture = torch.ones(1, *x.shape).double()
    assert len(links.row) == int(F.conv2d(picture, torch.ones(w.shape).double(), **how).sum())


def test_at_stride_1_the_matrix_is_doubly_block_toeplitz():
    """Blocks (one output row, one input row) repeat along diagonals, and each is constant along its own."""
    numbers = matrix.weight_numbers((1, 1, 3, 2), (7, 6))
    blocks = numbers.reshape(5, 5, 7, 6).transpose(0, 2, 1, 3)  # (output row, input row, O_w, W)
    for i in range(4):
        assert (blocks[i + 1, 1:] == blocks[i, :-1]).all()
    for block in blocks.reshape(-1, 5, 6):
        assert (block[1:, 1:] == block[:-1, :-1]).all()
    assert (numbers > 0).sum(1).tolist() == [6] * 25


@CASES
@given(cases())
def test_a_locally_connected_layer_with_equal_filters_is_a_convolution(case):
    x, w, how = case
    expected = in_torch(x, w, how)
    own = np.broadcast_to(w, (*expected.shape[1:], *w.shape)).copy()
    assert (matrix.locally_connected(x[None], own, **how)[0] == expected).all()


def test_a_locally_connected_layer_uses_the_filter_of_its_place():
    random = np.random.default_rng(0)
    x, w = random.integers(-9, 10, (2, 3, 5, 7)), random.integers(-9, 10, (4, 5, 2, 3, 2, 3))
    out = matrix.locally_connected(x, w)
    assert out.shape == (2, 2, 4, 5)
    for i, j in np.ndindex(4, 5):
        here = torch.tensor(x[:, :, i : i + 2, j : j + 3]).double(), torch.tensor(w[i, j]).double()
        assert (out[:, :, i, j] == F.conv2d(*here)[..., 0, 0].numpy()).all()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: matrix.convolution_matrix(np.zeros((3, 3)), (5, 5)), r"four axes .* got shape \(3, 3\)"),
        (lambda: matrix.convolution_matrix(np.zeros((1, 1, 4, 1)), (3, 5)), "covers 4 pixels"),
        (lambda: matrix.entries((1, 1, 2, 2), (4, 4), stride=0), "stride must be at least 1"),
        (lambda: matrix.locally_connected(np.zeros((1, 1, 4, 4)), np.zeros((1, 1, 2, 2))), "six axes"),
        (
            lambda: matrix.locally_connected(np.zeros((1, 1, 4, 4)), np.zeros((2, 3, 1, 1, 2, 2))),
            r"must have shape \(3, 3, 1, 1, 2, 2\), got \(2, 3, 1, 1, 2, 2\)",
        ),
    ],
)
def test_bad_input_gets_one_clear_error(call, message):
    with pytest.raises(ValueError, match=message):
        call()
