"""ConvNeXt: a ResNet brought up to date with what Transformers had shown, without attention (Liu et al. 2022).

The paper changes a ResNet-50 step by step (figure 2): stages in proportion 1:1:3:1, a stem of 4 x 4 patches, depthwise
convolutions and more width, the bottleneck turned inside out, 7 x 7 kernels moved to the front, and fewer activations
and normalisations, GELU and layer norm in place of ReLU and batch norm, separate layers that halve the maps.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import nn
from torch.nn import functional as F

from kernelbook.models.parts import StochasticDepth


class Size(NamedTuple):
    """Maps and blocks of the four stages, and the stochastic depth of torchvision's training."""

    channels: tuple[int, int, int, int]
    blocks: tuple[int, int, int, int]
    drop: float


SIZES = {
    "tiny": Size((96, 192, 384, 768), (3, 3, 9, 3), 0.1),
    "small": Size((96, 192, 384, 768), (3, 3, 27, 3), 0.4),
    "base": Size((128, 256, 512, 1024), (3, 3, 27, 3), 0.5),
    "large": Size((192, 384, 768, 1536), (3, 3, 27, 3), 0.5),
}
"""Section 3, "ConvNeXt-T/S/B/L"."""


class LayerNorm2d(nn.LayerNorm):
    """Normalise the channels at each place of each picture: (N, C, H, W) -> the same shape.

    Mean and variance are over C alone, so neither the other pictures of the batch nor the other places matter, and
    training and evaluation are one computation (Ba, Kiros and Hinton 2016).
    """

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = F.layer_norm(x.permute(0, 2, 3, 1), self.normalized_shape, self.weight, self.bias, self.eps)
        return x.permute(0, 3, 1, 2)


class Block(nn.Module):
    """Depthwise 7 x 7, normalise, widen four times, GELU, narrow again, add: (N, C, H, W) -> the same shape.

    y = x + scale * W2 gelu(W1 norm(depthwise(x))) (figure 4, right). W1 and W2 are 1 x 1 convolutions, written as
    linear layers on the last axis. scale: one learned number a map, 1e-6 at first, so that the block starts as the
    identity. One activation and one normalisation, where a ResNet block has three of each.
    """

    def __init__(self, channels: int, kernel: int = 7, drop: float = 0.0, scale: float = 1e-6) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.full((channels, 1, 1), scale))
        self.depthwise = nn.Conv2d(channels, channels, kernel, padding=kernel // 2, groups=channels)
        self.norm = nn.LayerNorm(channels, eps=1e-6)
        self.widen = nn.Linear(channels, 4 * channels)
        self.activation = nn.GELU()
        self.narrow = nn.Linear(4 * channels, channels)
        self.drop = StochasticDepth(drop)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.depthwise(x).permute(0, 2, 3, 1)  # (N, H, W, C): channels last
        y = self.narrow(self.activation(self.widen(self.norm(y))))
        return x + self.drop(self.scale * y.permute(0, 3, 1, 2))


class ConvNeXt(nn.Module):
    """(N, 3, H, W), H and W at least 32 -> scores (N, classes). At 224 x 224 the maps are 56, 28, 14 and 7 wide.

    size: "tiny", "small", "base", "large", or a Size of your own. Raises ValueError for an unknown size.
    """

    def __init__(self, size: str | Size = "tiny", classes: int = 1000, scale: float = 1e-6) -> None:
        super().__init__()
        if isinstance(size, str) and size not in SIZES:
            raise ValueError(f"size must be one of {', '.join(SIZES)} or a Size, got {size!r}")
        channels, blocks, drop = SIZES[size] if isinstance(size, str) else size
        total, done = sum(blocks), 0
        self.stages = nn.Sequential(
            nn.Sequential(nn.Conv2d(3, channels[0], 4, stride=4), LayerNorm2d(channels[0], eps=1e-6))
        )
        for place, (maps, number) in enumerate(zip(channels, blocks, strict=True)):
            if place > 0:  # a layer of its own halves the maps, behind a norm that keeps training stable
                before = channels[place - 1]
                self.stages.append(nn.Sequential(LayerNorm2d(before, eps=1e-6), nn.Conv2d(before, maps, 2, stride=2)))
            rates = [drop * (done + i) / max(1, total - 1) for i in range(number)]
            self.stages.append(nn.Sequential(*(Block(maps, drop=rate, scale=scale) for rate in rates)))
            done += number
        self.head = nn.Sequential(
            *(nn.AdaptiveAvgPool2d(1), LayerNorm2d(channels[-1], eps=1e-6)),
            *(nn.Flatten(), nn.Linear(channels[-1], classes)),
        )
        for module in self.modules():
            if isinstance(module, nn.Conv2d | nn.Linear):
                nn.init.trunc_normal_(module.weight, std=0.02)
                nn.init.zeros_(module.bias)  # type: ignore[arg-type]  # all have one

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.stages(x))
