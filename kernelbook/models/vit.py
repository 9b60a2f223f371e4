"""The Vision Transformer (Dosovitskiy et al. 2021): a picture as a row of patches, and attention between all of them.

The picture is cut into patches of P x P pixels, each becomes a vector of d numbers, a learned "class" vector is put in
front and a learned position is added to each. From then on it is a Transformer encoder: nothing in it knows that
patches 1 and 2 were neighbours (section 3.1).
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import nn


class Size(NamedTuple):
    """Table 1: blocks, numbers per token, numbers inside the MLP, attention heads."""

    blocks: int
    width: int
    hidden: int
    heads: int


SIZES = {"b": Size(12, 768, 3072, 12), "l": Size(24, 1024, 4096, 16)}


class SelfAttention(nn.Module):
    """Every token asks all others: (N, T, d) -> (N, T, d).

    In each of h heads, with q, k, v of d/h numbers a token: softmax(q k^T / sqrt(d/h)) v, the heads side by side, then
    a linear layer (Vaswani et al. 2017, section 3.2). The two products with T x T weights cost 2 T^2 d multiply-adds,
    the four linear maps 4 T d^2. Raises ValueError where `heads` doesn't divide `width`.
    """

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        if width % heads:
            raise ValueError(f"{heads} heads can't share {width} numbers evenly")
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width)
        self.mix = nn.Linear(width, width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        n, tokens, width = x.shape
        q, k, v = self.qkv(x).reshape(n, tokens, 3, self.heads, -1).permute(2, 0, 3, 1, 4)  # each (N, heads, T, d/h)
        weights = (q @ k.transpose(2, 3) / math.sqrt(width // self.heads)).softmax(3)  # (N, heads, T, T)
        return self.mix((weights @ v).transpose(1, 2).reshape(n, tokens, width))


class Block(nn.Module):
    """x + attention(norm(x)), then y + mlp(norm(y)): (N, T, d) -> (N, T, d) (equations 2 and 3)."""

    def __init__(self, size: Size) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(size.width, eps=1e-6)
        self.attention = SelfAttention(size.width, size.heads)
        self.norm2 = nn.LayerNorm(size.width, eps=1e-6)
        self.mlp = nn.Sequential(nn.Linear(size.width, size.hidden), nn.GELU(), nn.Linear(size.hidden, size.width))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = x + self.attention(self.norm1(x))
        return x + self.mlp(self.norm2(x))


class Encoder(nn.Module):
    """Adds a learned position to each token, then runs the blocks: (N, T, d) -> (N, T, d)."""

    def __init__(self, tokens: int, size: Size) -> None:
        super().__init__()
        self.positions = nn.Parameter(torch.empty(1, tokens, size.width).normal_(std=0.02))
        self.blocks = nn.Sequential(*(Block(size) for _ in range(size.blocks)))
        self.norm = nn.LayerNorm(size.width, eps=1e-6)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.norm(self.blocks(x + self.positions))


class VisionTransformer(nn.Module):
    """(N, 3, side, side) -> scores (N, classes), read off the class token.

    size: "b", "l" or a Size of your own. patch: pixels along a patch's side. side: of the picture; 224 and 16 make
    14 * 14 = 196 patches. Cutting patches and mapping each to d numbers is one convolution with stride P.
    Raises ValueError for an unknown size, patches that don't fill the picture, and another size of picture.
    """

    def __init__(
        self, size: str | Size = "b", patch: int = 16, classes: int = 1000, side: int = 224, c_in: int = 3
    ) -> None:
        super().__init__()
        if isinstance(size, str) and size not in SIZES:
            raise ValueError(f"size must be one of {', '.join(SIZES)} or a Size, got {size!r}")
        if side % patch:
            raise ValueError(f"patches of {patch} pixels don't fill a side of {side}")
        size = SIZES[size] if isinstance(size, str) else size
        self.side = side
        self.class_token = nn.Parameter(torch.zeros(1, 1, size.width))
        self.patches = nn.Conv2d(c_in, size.width, patch, stride=patch)
        self.encoder = Encoder((side // patch) ** 2 + 1, size)
        self.head = nn.Linear(size.width, classes)
        for module in self.modules():
            if isinstance(module, nn.Linear | nn.Conv2d):
                nn.init.trunc_normal_(module.weight, std=0.02)
                nn.init.zeros_(module.bias)  # type: ignore[arg-type]  # all have one

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if x.shape[2:] != (self.side, self.side):
            raise ValueError(f"expected pictures of {self.side} x {self.side} pixels, got {tuple(x.shape[2:])}")
        tokens = self.patches(x).flatten(2).transpose(1, 2)  # (N, patches, d)
        tokens = torch.cat([self.class_token.expand(len(x), -1, -1), tokens], dim=1)
        return self.head(self.encoder(tokens)[:, 0])
