"""VGG: nothing but 3 x 3 convolutions and 2 x 2 pooling, in four depths (Simonyan and Zisserman 2015).

Two 3 x 3 layers see 5 x 5 pixels and three see 7 x 7, with fewer weights and more non-linearities than one large
kernel (section 2.3). Depth is counted in layers with weights: VGG-16 has 13 convolutions and 3 dense layers.
"""

from __future__ import annotations

import torch
from torch import nn

from kernelbook.models.parts import he_initialise

CHANNELS = (64, 128, 256, 512, 512)
"""Maps in each of the five blocks; a 2 x 2 max pooling ends each."""

LAYERS = {11: (1, 1, 2, 2, 2), 13: (2, 2, 2, 2, 2), 16: (2, 2, 3, 3, 3), 19: (2, 2, 4, 4, 4)}
"""Convolutions in each block, by depth: columns A, B, D and E of the paper's table 1."""


def block(c_in: int, c_out: int, layers: int, batch_norm: bool) -> list[nn.Module]:
    """`layers` times 3 x 3 convolution and ReLU, then pooling: (N, c_in, H, W) -> (N, c_out, H // 2, W // 2)."""
    parts: list[nn.Module] = []
    for layer in range(layers):
        parts.append(nn.Conv2d(c_in if layer == 0 else c_out, c_out, 3, padding=1))
        parts += [nn.BatchNorm2d(c_out), nn.ReLU()] if batch_norm else [nn.ReLU()]
    return [*parts, nn.MaxPool2d(2)]


class VGG(nn.Module):
    """(N, 3, H, W), H and W at least 32 -> scores (N, classes).

    depth: 11, 13, 16 or 19. batch_norm: normalise after every convolution, as came into use a year later.
    VGG-16 has 138,357,544 parameters, 102,764,544 of them in the first dense layer alone.
    Raises ValueError for another depth.
    """

    def __init__(self, depth: int, classes: int = 1000, batch_norm: bool = False, dropout: float = 0.5) -> None:
        super().__init__()
        if depth not in LAYERS:
            raise ValueError(f"depth must be one of {', '.join(map(str, LAYERS))}, got {depth}")
        parts: list[nn.Module] = []
        for c_in, c_out, layers in zip((3, *CHANNELS), CHANNELS, LAYERS[depth], strict=False):
            parts += block(c_in, c_out, layers, batch_norm)
        self.features = nn.Sequential(*parts)
        self.pool = nn.AdaptiveAvgPool2d(7)  # changes nothing at 224 x 224
        self.head = nn.Sequential(
            nn.Flatten(),
            *(nn.Linear(512 * 7 * 7, 4096), nn.ReLU(), nn.Dropout(dropout)),
            *(nn.Linear(4096, 4096), nn.ReLU(), nn.Dropout(dropout)),
            nn.Linear(4096, classes),
        )
        he_initialise(self)  # the paper began deep nets from trained shallow ones; this makes that unnecessary

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.pool(self.features(x)))
