"""Residual networks (He, Zhang, Ren and Sun 2016): each block learns what to *add* to its input.

Let H(x) be what a few layers should compute. A plain net fits H; a residual block fits F(x) = H(x) - x and returns
F(x) + x. If doing nothing is best, F = 0 is easy to reach, and H = x through several non-linear layers is not
(section 3.1).
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import nn

from kernelbook.models.parts import conv_norm, he_initialise

LAYERS = {18: (2, 2, 2, 2), 34: (3, 4, 6, 3), 50: (3, 4, 6, 3), 101: (3, 4, 23, 3), 152: (3, 8, 36, 3)}
"""Blocks in each of the four stages, by depth (table 1). Depth counts layers with weights, without projections."""


class Basic(nn.Module):
    """Two 3 x 3 convolutions and a shortcut: (N, c_in, H, W) -> (N, width, ceil(H/S), ceil(W/S)).

    y = relu(F(x) + x) with F = norm(conv(relu(norm(conv(x))))) (section 3.2, figure 5 left).
    stride: of the first convolution. downsample: the projection of the shortcut, where the shapes differ.
    """

    expansion = 1  # maps that leave the block, divided by `width`

    def __init__(
        self, c_in: int, width: int, stride: int = 1, stride_at: Literal["first", "middle"] = "middle"
    ) -> None:
        super().__init__()
        self.residual = nn.Sequential(
            conv_norm(c_in, width, 3, stride),
            conv_norm(width, width, 3, activation=None),
        )
        self.shortcut = projection(c_in, width, stride)
        self.activation = nn.ReLU()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.activation(self.residual(x) + self.shortcut(x))


class Bottleneck(nn.Module):
    """1 x 1 down to `width`, 3 x 3, 1 x 1 up: (N, c_in, H, W) -> (N, 4 width, ceil(H/S), ceil(W/S)).

    The 3 x 3 works on a quarter of the maps (section 4.1, figure 5 right). stride_at: which convolution takes the
    stride. In the paper it is the "first", a 1 x 1 that ignores three pixels in four; torchvision moves it to the
    "middle", the 3 x 3, which sees them all. That variant is known as ResNet V1.5: same parameters, more work.
    """

    expansion = 4

    def __init__(
        self, c_in: int, width: int, stride: int = 1, stride_at: Literal["first", "middle"] = "middle"
    ) -> None:
        super().__init__()
        if stride_at not in ("first", "middle"):
            raise ValueError(f'stride_at must be "first" or "middle", got {stride_at!r}')
        first, middle = (stride, 1) if stride_at == "first" else (1, stride)
        self.residual = nn.Sequential(
            conv_norm(c_in, width, 1, first),
            conv_norm(width, width, 3, middle),
            conv_norm(width, 4 * width, 1, activation=None),
        )
        self.shortcut = projection(c_in, 4 * width, stride)
        self.activation = nn.ReLU()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.activation(self.residual(x) + self.shortcut(x))


def projection(c_in: int, c_out: int, stride: int) -> nn.Module:
    """The shortcut: x itself where shapes agree, else a 1 x 1 convolution with the block's stride (option B).

    Shapes differ where the number of maps changes *or* the maps shrink (section 3.2, equation 2).
    """
    return nn.Identity() if stride == 1 and c_in == c_out else conv_norm(c_in, c_out, 1, stride, activation=None)


class ResNet(nn.Module):
    """(N, 3, H, W) -> scores (N, classes). At 224 x 224 the maps are 112, 56, 56, 28, 14 and 7 wide.

    depth: 18 or 34 (Basic), 50, 101 or 152 (Bottleneck). stride_at: see Bottleneck.
    zero_last: start the last normalisation of every residual branch at 0, so that every block starts as its shortcut
    (Goyal et al. 2017, section 5.1). Raises ValueError for another depth.
    """

    def __init__(
        self,
        depth: int,
        classes: int = 1000,
        stride_at: Literal["first", "middle"] = "middle",
        zero_last: bool = False,
    ) -> None:
        super().__init__()
        if depth not in LAYERS:
            raise ValueError(f"depth must be one of {', '.join(map(str, LAYERS))}, got {depth}")
        block: type[Basic | Bottleneck] = Basic if depth < 50 else Bottleneck
        self.stem = nn.Sequential(conv_norm(3, 64, 7, 2), nn.MaxPool2d(3, 2, padding=1))
        self.stages = nn.Sequential()
        channels = 64
        for width, blocks, stride in zip((64, 128, 256, 512), LAYERS[depth], (1, 2, 2, 2), strict=True):
            stage = nn.Sequential()
            for place in range(blocks):
                stage.append(block(channels, width, stride if place == 0 else 1, stride_at))
                channels = width * block.expansion
            self.stages.append(stage)
        self.head = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, classes))
        he_initialise(self)
        if zero_last:
            for module in self.modules():
                if isinstance(module, Basic | Bottleneck):
                    nn.init.zeros_(module.residual[-1][1].weight)  # type: ignore[index]

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.stages(self.stem(x)))
