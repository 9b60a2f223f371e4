"""The locally connected layer equals PyTorch's convolution place by place."""

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from kernelbook import matrix
from kernelbook.local import LocallyConnected2d


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    st.integers(1, 3), st.integers(1, 3), st.integers(1, 4), st.integers(1, 3), st.integers(0, 2), st.integers(0, 999)
)
def test_every_place_is_a_convolution_with_its_own_filters(c_in, c_out, kernel, stride, padding, seed):
    torch.manual_seed(seed)
    height, width = kernel + seed % 4, kernel + seed % 3 + 1
    layer = LocallyConnected2d(c_in, c_out, kernel, (height, width), stride, padding).double()
    x = torch.randn(2, c_in, height, width).double()
    out = layer(x)
    o_h, o_w = layer.weight.shape[:2]
    for i in range(o_h):
        for j in range(o_w):
            shared = F.conv2d(x, layer.weight[i, j], stride=stride, padding=padding)
            assert out.shape == shared.shape
            assert torch.allclose(out[:, :, i, j], shared[:, :, i, j] + layer.bias[:, i, j])
    numpy = matrix.locally_connected(x.numpy(), layer.weight.detach().numpy(), stride, padding)
    assert torch.allclose(out - layer.bias, torch.from_numpy(numpy))


def test_with_equal_filters_it_is_the_convolution_and_its_gradients_add_up_to_the_shared_ones():
    torch.manual_seed(0)
    conv = torch.nn.Conv2d(2, 3, 3, 2, 1).double()
    layer = LocallyConnected2d(2, 3, 3, (7, 9), 2, 1).double()
    with torch.no_grad():
        layer.weight.copy_(conv.weight.expand_as(layer.weight))
        layer.bias.copy_(conv.bias[:, None, None].expand_as(layer.bias))
    x = torch.randn(4, 2, 7, 9).double()
    assert torch.allclose(layer(x), conv(x))
    (layer(x) ** 2).sum().backward()
    (conv(x) ** 2).sum().backward()
    assert torch.allclose(layer.weight.grad.sum((0, 1)), conv.weight.grad)
    assert torch.allclose(layer.bias.grad.sum((1, 2)), conv.bias.grad)


def test_its_weights_start_as_those_of_a_convolution_and_are_its_own():
    torch.manual_seed(0)
    layer, conv = LocallyConnected2d(4, 8, 3, 16, padding=1), torch.nn.Conv2d(4, 8, 3, padding=1)
    assert layer.weight.std().item() == pytest.approx(conv.weight.std().item(), rel=0.15)
    assert abs(layer.weight).max() <= (4 * 9) ** -0.5
    assert sum(p.numel() for p in layer.parameters()) == 16 * 16 * sum(p.numel() for p in conv.parameters())
    assert not torch.equal(layer.weight[0, 0], layer.weight[0, 1])


def test_an_input_of_another_size_is_refused():
    with pytest.raises(ValueError, match=r"expected inputs of shape \(N, 1, 8, 8\), got \(2, 1, 8, 9\)"):
        LocallyConnected2d(1, 1, 3, 8)(torch.zeros(2, 1, 8, 9))
    with pytest.raises(ValueError, match="covers 9 pixels"):
        LocallyConnected2d(1, 1, 9, 8)
