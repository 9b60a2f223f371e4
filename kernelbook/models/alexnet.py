"""AlexNet, the net that won ImageNet in 2012 (Krizhevsky, Sutskever and Hinton 2012), and its single-GPU successor.

Five convolutions and three dense layers. The 2012 net was cut into halves so that each fitted a GPU of 3 GB; the cut
is a convolution in two groups. torchvision's net follows Krizhevsky's later one ("One weird trick", 2014): no halves,
no response normalisation, fewer channels.
"""

from __future__ import annotations

import torch
from torch import nn


def _head(classes: int, dropout: float) -> nn.Sequential:
    """(N, 256, 6, 6) -> (N, classes): three dense layers, with dropout before the first two (section 4.2)."""
    return nn.Sequential(
        nn.Flatten(),
        *(nn.Dropout(dropout), nn.Linear(256 * 6 * 6, 4096), nn.ReLU()),
        *(nn.Dropout(dropout), nn.Linear(4096, 4096), nn.ReLU()),
        nn.Linear(4096, classes),
    )


class AlexNet(nn.Module):
    """torchvision's AlexNet: (N, 3, H, W), H and W at least 63 -> scores (N, classes). 61,100,840 parameters.

    At 224 x 224 the maps are 55, 27, 13, 13, 13 and 6 wide. Pooling windows of 3 at stride 2 overlap (section 3.4).
    96 % of the parameters are in the three dense layers, and most of the work is in the five convolutions.
    Other sizes than 224 are brought to 6 x 6 by adaptive average pooling before the dense layers.
    """

    def __init__(self, classes: int = 1000, dropout: float = 0.5) -> None:
        super().__init__()
        self.features = nn.Sequential(
            *(nn.Conv2d(3, 64, 11, stride=4, padding=2), nn.ReLU(), nn.MaxPool2d(3, 2)),
            *(nn.Conv2d(64, 192, 5, padding=2), nn.ReLU(), nn.MaxPool2d(3, 2)),
            *(nn.Conv2d(192, 384, 3, padding=1), nn.ReLU()),
            *(nn.Conv2d(384, 256, 3, padding=1), nn.ReLU()),
            *(nn.Conv2d(256, 256, 3, padding=1), nn.ReLU(), nn.MaxPool2d(3, 2)),
        )
        self.pool = nn.AdaptiveAvgPool2d(6)
        self.head = _head(classes, dropout)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.pool(self.features(x)))


class AlexNet2012(nn.Module):
    """The net of the paper: (N, 3, 224, 224) -> scores (N, classes). 60,965,224 parameters.

    groups=2 in the second, fourth and fifth convolution: each half of the channels was on one GPU and read its own
    half only; the third convolution reads both (section 3.5, figure 2). Response normalisation after the first two
    divides each answer by (2 + 1e-4 * the sum of squares of five neighbouring maps)^0.75 (section 3.3); PyTorch's
    layer divides its alpha by those five, hence 5e-4 here. The paper says 224 and its sizes need 227, or a padding
    of 2, as here.
    """

    def __init__(self, classes: int = 1000, dropout: float = 0.5) -> None:
        super().__init__()

        def normalise() -> nn.Module:
            return nn.LocalResponseNorm(size=5, alpha=5e-4, beta=0.75, k=2)

        self.features = nn.Sequential(
            *(nn.Conv2d(3, 96, 11, stride=4, padding=2), nn.ReLU(), normalise(), nn.MaxPool2d(3, 2)),
            *(nn.Conv2d(96, 256, 5, padding=2, groups=2), nn.ReLU(), normalise(), nn.MaxPool2d(3, 2)),
            *(nn.Conv2d(256, 384, 3, padding=1), nn.ReLU()),
            *(nn.Conv2d(384, 384, 3, padding=1, groups=2), nn.ReLU()),
            *(nn.Conv2d(384, 256, 3, padding=1, groups=2), nn.ReLU(), nn.MaxPool2d(3, 2)),
        )
        self.head = _head(classes, dropout)
        layers = [m for m in self.modules() if isinstance(m, nn.Conv2d | nn.Linear)]
        for place, layer in enumerate(layers):  # section 5: biases of 1 feed the ReLUs with positive inputs at first
            nn.init.normal_(layer.weight, std=0.01)
            nn.init.constant_(layer.bias, float(place in (1, 3, 4, 5, 6)))  # type: ignore[arg-type]  # all have one

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.features(x))
