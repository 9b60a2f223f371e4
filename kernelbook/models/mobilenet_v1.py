"""MobileNetV1: a VGG-like chain whose 3 x 3 convolutions are split in two (Howard et al. 2017).

A convolution mixes places and channels at once. Here a depthwise 3 x 3 mixes places, channel by channel, and a 1 x 1
mixes channels, place by place: K^2 C_in + C_in C_out weights in place of K^2 C_in C_out (section 3.1).
"""

from __future__ import annotations

import torch
from torch import nn

from kernelbook.models.parts import conv_norm, he_initialise

BLOCKS = ((64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), *((512, 1),) * 5, (1024, 2), (1024, 1))
"""Maps and stride of the 13 blocks that follow the first, full convolution (table 1)."""


def separable(c_in: int, c_out: int, stride: int) -> nn.Sequential:
    """Depthwise 3 x 3 with the stride, then 1 x 1, each normalised and rectified (figure 3, right)."""
    return nn.Sequential(conv_norm(c_in, c_in, 3, stride, groups=c_in), conv_norm(c_in, c_out, 1))


def full(c_in: int, c_out: int, stride: int) -> nn.Sequential:
    """The ordinary 3 x 3 convolution that `separable` replaces (figure 3, left)."""
    return conv_norm(c_in, c_out, 3, stride)


class MobileNetV1(nn.Module):
    """(N, 3, H, W) -> scores (N, classes). 4,231,976 parameters.

    width: factor on every number of maps, alpha in section 3.3; the smaller nets of the paper have 0.75, 0.5, 0.25.
    split=False builds the twin with ordinary convolutions that the paper compares with (table 4): 29,294,088.
    """

    def __init__(self, classes: int = 1000, width: float = 1.0, split: bool = True) -> None:
        super().__init__()
        if width <= 0:
            raise ValueError(f"width must be positive, got {width}")
        channels = int(32 * width)
        self.stem = conv_norm(3, channels, 3, 2)
        self.blocks = nn.Sequential()
        for maps, stride in BLOCKS:
            self.blocks.append((separable if split else full)(channels, int(maps * width), stride))
            channels = int(maps * width)
        self.head = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, classes))
        he_initialise(self)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.blocks(self.stem(x)))
