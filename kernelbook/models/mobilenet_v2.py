"""MobileNetV2: the bottleneck turned inside out (Sandler et al. 2018).

ResNet's bottleneck is wide, narrow, wide, with the shortcut between the wide ends. Here it is narrow, wide, narrow:
a 1 x 1 expands, a depthwise 3 x 3 works on many maps cheaply, and a 1 x 1 *without* activation projects back, since a
ReLU on few maps destroys what they carry (section 3.2).
"""

from __future__ import annotations

import torch
from torch import nn

from kernelbook.models.parts import conv_norm, divisible, he_initialise

STAGES = ((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1))
"""Expansion t, maps c, blocks n and stride s of the first block, for each stage (table 2)."""


class InvertedResidual(nn.Module):
    """(N, c_in, H, W) -> (N, c_out, ceil(H/S), ceil(W/S)), by way of `expansion` c_in maps.

    y = project(depthwise(expand(x))), plus x where the shapes agree (section 3.3, figure 4d). With expansion 1 there
    is no first layer. ReLU6 is min(max(a, 0), 6), for arithmetic in few bits.
    """

    def __init__(self, c_in: int, c_out: int, stride: int, expansion: int) -> None:
        super().__init__()
        hidden = c_in * expansion
        expand = [conv_norm(c_in, hidden, 1, activation=nn.ReLU6)] if expansion != 1 else []
        self.residual = nn.Sequential(
            *expand,
            conv_norm(hidden, hidden, 3, stride, groups=hidden, activation=nn.ReLU6),
            conv_norm(hidden, c_out, 1, activation=None),
        )
        self.add = stride == 1 and c_in == c_out

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.residual(x) + x if self.add else self.residual(x)


class MobileNetV2(nn.Module):
    """(N, 3, H, W) -> scores (N, classes). 3,504,872 parameters. width: factor on every number of maps."""

    def __init__(self, classes: int = 1000, width: float = 1.0, dropout: float = 0.2) -> None:
        super().__init__()
        channels, last = divisible(32 * width), divisible(1280 * max(1.0, width))
        self.stem = conv_norm(3, channels, 3, 2, activation=nn.ReLU6)
        self.blocks = nn.Sequential()
        for expansion, maps, blocks, stride in STAGES:
            for place in range(blocks):
                c_out = divisible(maps * width)
                self.blocks.append(InvertedResidual(channels, c_out, stride if place == 0 else 1, expansion))
                channels = c_out
        self.last = conv_norm(channels, last, 1, activation=nn.ReLU6)
        self.head = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(dropout), nn.Linear(last, classes))
        he_initialise(self)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.last(self.blocks(self.stem(x))))
