"""The Vision Transformer in NumPy equals PyTorch's, part by part, on random sizes."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional as F

from kernelbook import attention, models
from kernelbook.models.vit import Block, SelfAttention, Size, VisionTransformer

small = st.integers(1, 4)


def arrays(module: nn.Module) -> dict[str, np.ndarray]:
    return {name: value.detach().numpy() for name, value in module.state_dict().items()}


def shaken(module: nn.Module) -> nn.Module:
    """In float64, with weights of which none is zero or one, so that every one of them shows."""
    with torch.no_grad():
        for parameter in module.double().parameters():
            parameter.normal_(std=0.7)
    return module.eval()


def noise(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, dtype=torch.float64)


@settings(max_examples=60, deadline=None)
@given(small, small, small, small, small, small, st.integers(0, 2**31))
def test_patches_are_a_convolution_with_stride(n, channels, rows, columns, patch, width, seed):
    torch.manual_seed(seed)
    x, kernel, bias = (
        noise(n, channels, rows * patch, columns * patch),
        noise(width, channels, patch, patch),
        noise(width),
    )
    ours = attention.patchify(x.numpy(), patch) @ kernel.reshape(width, -1).numpy().T + bias.numpy()
    theirs = F.conv2d(x, kernel, bias, stride=patch).flatten(2).transpose(1, 2)
    np.testing.assert_allclose(ours, theirs.numpy(), atol=1e-12)
    unfolded = F.unfold(x, patch, stride=patch).transpose(1, 2)
    assert (attention.patchify(x.numpy(), patch) == unfolded.numpy()).all()


@settings(max_examples=60, deadline=None)
@given(small, small, st.integers(1, 6), st.integers(1, 6), small, small, st.integers(0, 2**31))
def test_attention_is_torchs(n, heads, asking, asked, width, value_width, seed):
    torch.manual_seed(seed)
    q, k, v = noise(n, heads, asking, width), noise(n, heads, asked, width), noise(n, heads, asked, value_width)
    found = attention.attention(q.numpy(), k.numpy(), v.numpy())
    np.testing.assert_allclose(found.answers, F.scaled_dot_product_attention(q, k, v).numpy(), atol=1e-12)
    np.testing.assert_allclose(found.shares.sum(-1), 1)


def test_large_scores_do_not_overflow():
    found = attention.attention(np.array([[1e4]]), np.array([[1.0], [-1.0]]), np.array([[3.0], [5.0]]))
    assert found.answers.tolist() == [[3.0]]


@settings(max_examples=30, deadline=None)
@given(small, st.integers(1, 6), small, small, st.integers(0, 2**31))
def test_self_attention_is_that_of_nn_multihead_attention(n, tokens, heads, each, seed):
    torch.manual_seed(seed)
    width = heads * each
    theirs = shaken(nn.MultiheadAttention(width, heads, batch_first=True))
    names = {"qkv.weight": "in_proj_weight", "qkv.bias": "in_proj_bias"}
    names |= {"mix.weight": "out_proj.weight", "mix.bias": "out_proj.bias"}
    weights = {ours: theirs.state_dict()[name].numpy() for ours, name in names.items()}
    x = noise(n, tokens, width)
    answers, shares = theirs(x, x, x, average_attn_weights=False)
    found = attention.self_attention(x.numpy(), weights, heads)
    np.testing.assert_allclose(found.answers, answers.detach().numpy(), atol=1e-10)
    np.testing.assert_allclose(found.shares, shares.detach().numpy(), atol=1e-12)


@settings(max_examples=30, deadline=None)
@given(small, st.integers(1, 6), small, small, small, st.integers(0, 2**31))
def test_a_block_is_our_torch_block(n, tokens, heads, each, hidden, seed):
    torch.manual_seed(seed)
    theirs = shaken(Block(Size(1, heads * each, hidden, heads)))
    x = noise(n, tokens, heads * each)
    found = attention.block(x.numpy(), arrays(theirs), heads)
    np.testing.assert_allclose(found, theirs(x).detach().numpy(), atol=1e-9, rtol=1e-9)


@settings(max_examples=20, deadline=None)
@given(st.floats(-6, 6), small, st.integers(0, 2**31))
def test_norm_and_gelu_are_torchs(at, width, seed):
    torch.manual_seed(seed)
    x, gain, shift = noise(3, width) + at, noise(width), noise(width)
    ours = attention.layer_norm(x.numpy(), gain.numpy(), shift.numpy(), 1e-5)
    np.testing.assert_allclose(ours, F.layer_norm(x, (width,), gain, shift).numpy(), atol=1e-9)
    np.testing.assert_allclose(attention.gelu(x.numpy()), F.gelu(x).numpy(), atol=1e-12)


@pytest.mark.parametrize(("side", "patch", "heads", "blocks"), [(8, 4, 2, 2), (6, 2, 3, 1), (6, 3, 1, 3)])
def test_the_whole_network_stage_by_stage(side, patch, heads, blocks):
    torch.manual_seed(0)
    model = shaken(VisionTransformer(Size(blocks, 6, 10, heads), patch, 5, side, c_in=2))
    x = noise(3, 2, side, side)
    seen: list[torch.Tensor] = []
    for part in model.get_submodule("encoder.blocks").children():
        part.register_forward_hook(lambda module, given, answer: seen.append(answer))
    scores = model(x)
    stages = attention.vision_transformer(x.numpy(), arrays(model), heads)
    assert len(stages) == blocks + 2
    assert stages[0].shape == (3, (side // patch) ** 2, 6)
    for ours, theirs in zip(stages[1:], [*seen, scores], strict=True):
        np.testing.assert_allclose(ours, theirs.detach().numpy(), atol=1e-8, rtol=1e-8)


@pytest.mark.parametrize(("side", "width"), [(8, 12), (16, 24)])
def test_the_two_parts_of_the_work_are_what_pytorch_counts(side, width):
    blocks, tokens = 2, (side // 4) ** 2 + 1
    model = VisionTransformer(Size(blocks, width, 4 * width, 3), 4, 5, side, c_in=1)
    counted = {row.name: row.multiply_adds for row in models.summary(model, (1, side, side), 1).rows}
    assert counted["encoder"] == blocks * sum(attention.multiply_adds(tokens, width))
    alone = models.summary(SelfAttention(width, 3), (tokens, width)).total.multiply_adds
    assert alone == 4 * tokens * width**2 + attention.multiply_adds(tokens, width)[1]


def test_what_does_not_fit_is_refused():
    with pytest.raises(ValueError, match=r"expected pictures \(N, C, H, W\), got shape \(6, 6\)"):
        attention.patchify(np.zeros((6, 6)), 2)
    with pytest.raises(ValueError, match="patches of 4 x 4 pixels don't fill a picture of 8 x 6"):
        attention.patchify(np.zeros((1, 1, 8, 6)), 4)
    with pytest.raises(ValueError, match="queries have 2 numbers a token, keys 3"):
        attention.attention(np.zeros((4, 2)), np.zeros((4, 3)), np.zeros((4, 3)))
    with pytest.raises(ValueError, match="4 keys can't open 5 values"):
        attention.attention(np.zeros((4, 2)), np.zeros((4, 2)), np.zeros((5, 2)))
    with pytest.raises(ValueError, match="2 heads can't share 3 numbers evenly"):
        attention.self_attention(np.zeros((1, 4, 3)), {}, 2)
    model = VisionTransformer(Size(1, 6, 6, 1), 2, 3, 4, c_in=1)
    with pytest.raises(ValueError, match="10 tokens, but positions for 5"):
        attention.vision_transformer(np.zeros((1, 1, 6, 6)), arrays(model), 1)
