"""The end-to-end classifier of chapter 5: blocks of convolution, normalisation, ReLU and pooling, then a head.

Five convolutions read a wafer of 32 x 32 and leave 32 maps of 4 x 4; the head turns these into nine scores. Head and
normalisation can be exchanged, so that two networks differ in one thing only.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import nn

CHANNELS = (8, 16, 16, 32, 32)
HALVED = (True, True, False, True, False)
"""After which of the five convolutions a 2 x 2 max pooling halves the maps."""

HEADS = ("mean", "dense", "linear")


def classifier(
    head: str = "mean",
    norm: Callable[[int], nn.Module] | None = nn.BatchNorm2d,
    dropout: float = 0.0,
    width: int = 1,
    classes: int = 9,
) -> nn.Sequential:
    """x: (N, 1, 32, 32) -> scores (N, classes), in float64, with PyTorch's own random weights.

    head: "mean": each map's mean, then one linear layer (any size of picture will do); "dense": flatten, a hidden layer
        of 64 with ReLU, then a linear layer; "linear": flatten, then one linear layer.
    norm: what stands between convolution and ReLU, given its number of channels; None: nothing, and the convolutions
        have biases. dropout: the chance to be switched off of each number that the last layer reads.
    width: multiplies the number of maps everywhere. Raises ValueError for another head.
    """
    if head not in HEADS:
        raise ValueError(f"unknown head {head!r}: choose from {', '.join(HEADS)}")
    layers: list[nn.Module] = []
    before, side = 1, 32
    for channels, halved in zip(CHANNELS, HALVED, strict=True):
        after = channels * width
        layers.append(nn.Conv2d(before, after, 3, padding=1, bias=norm is None))
        if norm is not None:
            layers.append(norm(after))
        layers.append(nn.ReLU())
        if halved:
            layers.append(nn.MaxPool2d(2))
            side //= 2
        before = after
    if head == "mean":
        layers += [nn.AdaptiveAvgPool2d(1), nn.Flatten()]
    else:
        layers.append(nn.Flatten())
        before *= side**2
    if head == "dense":
        layers += [nn.Linear(before, 64), nn.ReLU()]
        before = 64
    layers += [nn.Dropout(dropout), nn.Linear(before, classes)]
    return nn.Sequential(*layers).double()


class Jolted(nn.Module):
    """Batch normalisation whose answers are then shifted and stretched at random, anew at each training step.

    What reaches the next layer is less stable than without any normalisation: the experiment of Santurkar et al. 2018,
    "How does batch normalization help optimization?", section 2.2. (N, C, H, W) -> the same shape.
    """

    def __init__(self, channels: int, strength: float = 0.5) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(channels)
        self.strength = strength

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.norm(x)
        if not self.training:
            return y
        jolt = torch.randn(2, 1, y.shape[1], 1, 1, dtype=y.dtype, device=y.device) * self.strength
        return y * torch.exp(jolt[0]) + jolt[1]
