"""The Vision Transformer in NumPy: patches, attention, and the block that both stand in.

Written to be read beside Dosovitskiy et al. 2021, section 3.1, and Vaswani et al. 2017, section 3.2. Everything runs
forward only; PyTorch has the gradients. `vision_transformer` takes the weights of `kernelbook.models.VisionTransformer`
under their names there, so that its answers can be compared with PyTorch's to the last digits.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Weights = Mapping[str, Array]

ERF = np.vectorize(math.erf, otypes=[float])


def patchify(x: Array, patch: int) -> Array:
    """Cut pictures into squares that don't overlap, and lay each out as a row: (N, C, H, W) -> (N, T, C P^2).

    patch: P, pixels along a side. T = (H/P)(W/P) patches, row by row of the picture; in a patch all pixels of the first
    channel come first, then the next channel's, so that they stand as the weights of a convolution do.
    Raises ValueError for anything but four axes and for patches that don't fill the picture.
    """
    if x.ndim != 4:
        raise ValueError(f"expected pictures (N, C, H, W), got shape {x.shape}")
    n, channels, height, width = x.shape
    if patch < 1 or height % patch or width % patch:
        raise ValueError(f"patches of {patch} x {patch} pixels don't fill a picture of {height} x {width}")
    rows, columns = height // patch, width // patch
    cut = x.reshape(n, channels, rows, patch, columns, patch)  # pixel (i P + a, j P + b) stands at [i, a, j, b]
    return cut.transpose(0, 2, 4, 1, 3, 5).reshape(n, rows * columns, channels * patch**2)


class Attention(NamedTuple):
    """What attention returns, and why."""

    answers: Array  # (..., T, d_v)
    shares: Array  # (..., T, S): who (row) reads from whom; each row adds up to 1


def attention(queries: Array, keys: Array, values: Array) -> Attention:
    """softmax(q k^T / sqrt(d)) v, for T tokens that ask S tokens.

    queries: (..., T, d). keys: (..., S, d). values: (..., S, d_v). Work: T S (d + d_v) multiply-adds.
    Raises ValueError where queries and keys differ in d, or keys and values in S.
    """
    if queries.shape[-1] != keys.shape[-1]:
        raise ValueError(f"queries have {queries.shape[-1]} numbers a token, keys {keys.shape[-1]}")
    if keys.shape[-2] != values.shape[-2]:
        raise ValueError(f"{keys.shape[-2]} keys can't open {values.shape[-2]} values")
    scores = queries @ np.swapaxes(keys, -1, -2) / math.sqrt(keys.shape[-1])
    powers = np.exp(scores - scores.max(axis=-1, keepdims=True))  # the largest is e^0, so that nothing overflows
    shares = powers / powers.sum(axis=-1, keepdims=True)
    return Attention(shares @ values, shares)


def self_attention(x: Array, weights: Weights, heads: int) -> Attention:
    """Several heads side by side on tokens x (N, T, d): answers (N, T, d), shares (N, heads, T, T).

    weights: "qkv.weight" (3 d, d) and "qkv.bias" (3 d,) make the questions, keys and values of all heads, in this
    order; "mix.weight" (d, d) and "mix.bias" (d,) map the heads' answers, laid side by side, to the result.
    Work: 4 T d^2 + 2 T^2 d multiply-adds. Raises ValueError where `heads` doesn't divide d.
    """
    n, tokens, width = x.shape
    if width % heads:
        raise ValueError(f"{heads} heads can't share {width} numbers evenly")
    qkv = x @ weights["qkv.weight"].T + weights["qkv.bias"]
    q, k, v = qkv.reshape(n, tokens, 3, heads, width // heads).transpose(2, 0, 3, 1, 4)  # each (N, heads, T, d/heads)
    found = attention(q, k, v)
    side_by_side = found.answers.transpose(0, 2, 1, 3).reshape(n, tokens, width)
    return Attention(side_by_side @ weights["mix.weight"].T + weights["mix.bias"], found.shares)


def layer_norm(x: Array, gain: Array, shift: Array, epsilon: float = 1e-6) -> Array:
    """Each token by itself to mean 0 and variance 1, then times gain plus shift: (..., d) -> (..., d)."""
    centred = x - x.mean(axis=-1, keepdims=True)
    return centred / np.sqrt((centred**2).mean(axis=-1, keepdims=True) + epsilon) * gain + shift


def gelu(x: Array) -> Array:
    """x times the probability that a standard normal number lies below x (Hendrycks and Gimpel 2016)."""
    return x / 2 * (1 + ERF(x / math.sqrt(2)))


def block(x: Array, weights: Weights, heads: int) -> Array:
    """x + attention(norm(x)), then y + mlp(norm(y)): tokens (N, T, d) -> (N, T, d).

    weights: those of `kernelbook.models.vit.Block`, by their names there.
    """
    normed = layer_norm(x, weights["norm1.weight"], weights["norm1.bias"])
    x = x + self_attention(normed, below(weights, "attention"), heads).answers
    hidden = layer_norm(x, weights["norm2.weight"], weights["norm2.bias"]) @ weights["mlp.0.weight"].T
    return x + gelu(hidden + weights["mlp.0.bias"]) @ weights["mlp.2.weight"].T + weights["mlp.2.bias"]


def vision_transformer(x: Array, weights: Weights, heads: int) -> list[Array]:
    """Every stage of a Vision Transformer on pictures (N, C, H, W): its tokens, block by block, and its scores.

    weights: the state_dict of `kernelbook.models.VisionTransformer`, as arrays. Returns the patches' tokens (N, T, d),
    then the tokens after each block (N, T + 1, d), the class token first, and at last the scores (N, classes).
    Raises ValueError for pictures that the positions aren't made for.
    """
    kernel = weights["patches.weight"]  # (d, C, P, P)
    tokens = patchify(x, kernel.shape[-1]) @ kernel.reshape(len(kernel), -1).T + weights["patches.bias"]
    stages = [tokens]
    first = np.broadcast_to(weights["class_token"], (len(x), 1, len(kernel)))
    tokens = np.concatenate([first, tokens], axis=1)
    positions = weights["encoder.positions"]
    if tokens.shape[1] != positions.shape[1]:
        raise ValueError(f"{tokens.shape[1]} tokens, but positions for {positions.shape[1]}")
    tokens = tokens + positions
    blocks = {name.split(".")[2] for name in weights if name.startswith("encoder.blocks.")}
    for index in range(len(blocks)):
        tokens = block(tokens, below(weights, f"encoder.blocks.{index}"), heads)
        stages.append(tokens)
    final = layer_norm(tokens[:, 0], weights["encoder.norm.weight"], weights["encoder.norm.bias"])
    return [*stages, final @ weights["head.weight"].T + weights["head.bias"]]


def below(weights: Weights, part: str) -> dict[str, Array]:
    """The weights of one part of a network, under their names in that part."""
    return {name.removeprefix(f"{part}."): w for name, w in weights.items() if name.startswith(f"{part}.")}


def multiply_adds(tokens: int, width: int) -> tuple[int, int]:
    """Multiply-adds of one block with an MLP of four widths: (12 N d^2, 2 N^2 d), the linear and the quadratic part.

    Of the 12: three for questions, keys and values, one for mixing, eight for the MLP.
    """
    return 12 * tokens * width**2, 2 * tokens**2 * width
