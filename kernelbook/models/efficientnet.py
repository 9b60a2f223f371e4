"""EfficientNet: MobileNetV2's block with channel attention, scaled in three directions at once (Tan and Le 2019).

A net can be made deeper (d), wider (w) or fed larger pictures (r), and its work grows as d w^2 r^2. Compound scaling
grows all three by one number phi: d = 1.2^phi, w = 1.1^phi, r = 1.15^phi, where 1.2 * 1.1^2 * 1.15^2 is about 2, so
that the work doubles with each step of phi (section 3.3). The published B1 to B7 use rounded factors, listed below.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import nn

from kernelbook.models.parts import StochasticDepth, conv_norm, divisible, he_initialise


class Stage(NamedTuple):
    """One row of table 1: blocks of one shape. The stride is the first block's."""

    expansion: int
    kernel: int
    stride: int
    channels: int
    blocks: int


STAGES = (
    Stage(1, 3, 1, 16, 1),
    Stage(6, 3, 2, 24, 2),
    Stage(6, 5, 2, 40, 2),
    Stage(6, 3, 2, 80, 3),
    Stage(6, 5, 1, 112, 3),
    Stage(6, 5, 2, 192, 4),
    Stage(6, 3, 1, 320, 1),
)


class Scale(NamedTuple):
    """How a variant is made from B0: factors on maps and blocks, side of the picture in pixels, dropout."""

    width: float
    depth: float
    resolution: int
    dropout: float


SCALES = {
    "b0": Scale(1.0, 1.0, 224, 0.2),
    "b1": Scale(1.0, 1.1, 240, 0.2),
    "b2": Scale(1.1, 1.2, 260, 0.3),
    "b3": Scale(1.2, 1.4, 300, 0.3),
    "b4": Scale(1.4, 1.8, 380, 0.4),
    "b5": Scale(1.6, 2.2, 456, 0.4),
    "b6": Scale(1.8, 2.6, 528, 0.5),
    "b7": Scale(2.0, 3.1, 600, 0.5),
}
"""The factors of the authors' code, with the picture sizes of its evaluation."""


def compound(phi: float, depth: float = 1.2, width: float = 1.1, resolution: float = 1.15) -> tuple[float, ...]:
    """Factors (depth, width, resolution, work) for one number phi: 1.2^phi, 1.1^phi, 1.15^phi and d w^2 r^2."""
    d, w, r = depth**phi, width**phi, resolution**phi
    return d, w, r, d * w**2 * r**2


class SqueezeExcitation(nn.Module):
    """A weight between 0 and 1 for each map, made from all of them: (N, C, H, W) -> the same shape.

    s = sigmoid(W2 silu(W1 mean(x))), y = s x: the mean over places says how much of each feature the picture has, and
    two small layers decide which maps matter (Hu, Shen and Sun 2018, section 3). squeezed: maps between the layers.
    """

    def __init__(self, channels: int, squeezed: int) -> None:
        super().__init__()
        self.weigh = nn.Sequential(
            *(nn.AdaptiveAvgPool2d(1), nn.Conv2d(channels, squeezed, 1), nn.SiLU()),
            *(nn.Conv2d(squeezed, channels, 1), nn.Sigmoid()),
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * self.weigh(x)


class MBConv(nn.Module):
    """Expand, depthwise, squeeze and excite, project, and add x where the shapes agree (section 4).

    (N, c_in, H, W) -> (N, c_out, ceil(H/S), ceil(W/S)). MobileNetV2's block with another activation, SiLU
    (a sigmoid(a)), kernels of 3 or 5, and channel attention whose middle has a quarter of `c_in` maps.
    drop: probability that a picture skips the block while training.
    """

    def __init__(
        self,
        c_in: int,
        c_out: int,
        kernel: int,
        stride: int,
        expansion: int,
        drop: float,
        epsilon: float,
        momentum: float,
    ) -> None:
        super().__init__()
        hidden = c_in * expansion

        def layer(c_in: int, c_out: int, kernel: int, stride: int = 1, groups: int = 1, linear: bool = False):
            activation = None if linear else nn.SiLU
            return conv_norm(
                c_in, c_out, kernel, stride, groups=groups, activation=activation, epsilon=epsilon, momentum=momentum
            )

        self.residual = nn.Sequential(
            *([layer(c_in, hidden, 1)] if expansion != 1 else []),
            layer(hidden, hidden, kernel, stride, groups=hidden),
            SqueezeExcitation(hidden, max(1, c_in // 4)),
            layer(hidden, c_out, 1, linear=True),
        )
        self.add = stride == 1 and c_in == c_out
        self.drop = StochasticDepth(drop)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.drop(self.residual(x)) + x if self.add else self.residual(x)


class EfficientNet(nn.Module):
    """(N, 3, H, W) -> scores (N, classes).

    scale: "b0" to "b7", or a Scale of your own. The number of maps is rounded to multiples of 8, the number of blocks
    upwards; the last 1 x 1 convolution has 4 times as many maps as the last stage. drop: stochastic depth of the last
    block; it grows from 0 at the first one. epsilon, momentum: of batch normalisation; torchvision sets 1e-3 and 0.01
    from B5 on, as its trained weights were made. Raises ValueError for an unknown scale.
    """

    def __init__(
        self,
        scale: str | Scale = "b0",
        classes: int = 1000,
        drop: float = 0.2,
        epsilon: float | None = None,
        momentum: float | None = None,
    ) -> None:
        super().__init__()
        if isinstance(scale, str) and scale not in SCALES:
            raise ValueError(f"scale must be one of {', '.join(SCALES)} or a Scale, got {scale!r}")
        large = scale in ("b5", "b6", "b7")
        norm = (
            epsilon if epsilon is not None else 1e-3 if large else 1e-5,
            momentum if momentum is not None else 0.01 if large else 0.1,
        )
        s = SCALES[scale] if isinstance(scale, str) else scale
        stages = [
            stage._replace(channels=divisible(stage.channels * s.width), blocks=math.ceil(stage.blocks * s.depth))
            for stage in STAGES
        ]
        total, done = sum(stage.blocks for stage in stages), 0
        channels = divisible(32 * s.width)
        self.stem = conv_norm(3, channels, 3, 2, activation=nn.SiLU, epsilon=norm[0], momentum=norm[1])
        self.stages = nn.Sequential()
        for stage in stages:
            blocks = nn.Sequential()
            for place in range(stage.blocks):
                stride = stage.stride if place == 0 else 1
                rate = drop * done / total
                blocks.append(
                    MBConv(channels, stage.channels, stage.kernel, stride, stage.expansion, rate, norm[0], norm[1])
                )
                channels, done = stage.channels, done + 1
            self.stages.append(blocks)
        self.last = conv_norm(channels, 4 * channels, 1, activation=nn.SiLU, epsilon=norm[0], momentum=norm[1])
        self.head = nn.Sequential(
            nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(s.dropout), nn.Linear(4 * channels, classes)
        )
        he_initialise(self)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.last(self.stages(self.stem(x))))
