"""GoogLeNet, the first Inception net (Szegedy et al. 2015): four scales side by side, and 1 x 1 layers that pay for it.

22 layers with weights: three before the Inception blocks, two in each of nine blocks, one dense. Batch normalisation
is torchvision's addition; the paper is from before it.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import nn

from kernelbook.models.parts import conv_norm


class Branches(NamedTuple):
    """Maps of one Inception block's layers; `reduce` are the 1 x 1 convolutions before the larger kernels."""

    one: int
    reduce_three: int
    three: int
    reduce_five: int
    five: int
    pool: int

    @property
    def out(self) -> int:
        """Maps that the block returns: its four branches, one after the other."""
        return self.one + self.three + self.five + self.pool


BLOCKS = {
    "3a": Branches(64, 96, 128, 16, 32, 32),
    "3b": Branches(128, 128, 192, 32, 96, 64),
    "4a": Branches(192, 96, 208, 16, 48, 64),
    "4b": Branches(160, 112, 224, 24, 64, 64),
    "4c": Branches(128, 128, 256, 24, 64, 64),
    "4d": Branches(112, 144, 288, 32, 64, 64),
    "4e": Branches(256, 160, 320, 32, 128, 128),
    "5a": Branches(256, 160, 320, 32, 128, 128),
    "5b": Branches(384, 192, 384, 48, 128, 128),
}
"""Table 1 of the paper. Pooling halves the maps before 3a, 4a and 5a."""


class Inception(nn.Module):
    """1 x 1, 3 x 3, 5 x 5 and max pooling on the same maps: (N, c_in, H, W) -> (N, branches.out, H, W).

    y = concatenate(one(x), three(reduce(x)), five(reduce(x)), project(pool(x))) along the channels. The next layer
    weighs the scales by its own weights. A 1 x 1 reduction before each large kernel makes it affordable (section 4).
    """

    def __init__(self, c_in: int, branches: Branches, large: int = 5) -> None:
        super().__init__()

        def layer(c_in: int, c_out: int, kernel: int) -> nn.Module:
            return conv_norm(c_in, c_out, kernel, epsilon=1e-3)

        b = branches
        self.one = layer(c_in, b.one, 1)
        self.three = nn.Sequential(layer(c_in, b.reduce_three, 1), layer(b.reduce_three, b.three, 3))
        self.five = nn.Sequential(layer(c_in, b.reduce_five, 1), layer(b.reduce_five, b.five, large))
        self.pool = nn.Sequential(nn.MaxPool2d(3, stride=1, padding=1), layer(c_in, b.pool, 1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.cat([self.one(x), self.three(x), self.five(x), self.pool(x)], dim=1)


class AuxiliaryHead(nn.Module):
    """A second classifier in the middle of the net: (N, c_in, 14, 14) -> scores (N, classes) (section 5).

    Its loss, with weight 0.3, is added while training, to push gradients into the lower layers. It is thrown away
    afterwards.
    """

    def __init__(self, c_in: int, classes: int, dropout: float) -> None:
        super().__init__()
        self.pool = nn.AdaptiveAvgPool2d(4)
        self.conv = conv_norm(c_in, 128, 1, epsilon=1e-3)
        self.dense = nn.Sequential(
            nn.Flatten(), nn.Linear(128 * 4 * 4, 1024), nn.ReLU(), nn.Dropout(dropout), nn.Linear(1024, classes)
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.dense(self.conv(self.pool(x)))


class GoogLeNet(nn.Module):
    """(N, 3, H, W) -> scores (N, classes); with `auxiliary`, while training, (scores, scores at 4a, scores at 4d).

    large: the kernel of the third branch. The paper's is 5. torchvision's net has 3 there by mistake, and its trained
    weights need it (https://github.com/pytorch/vision/issues/906): 6,624,904 parameters without auxiliary heads.
    """

    def __init__(
        self,
        classes: int = 1000,
        auxiliary: bool = False,
        large: int = 5,
        dropout: float = 0.2,
        dropout_aux: float = 0.7,
    ) -> None:
        super().__init__()

        def halve(window: int) -> nn.Module:
            return nn.MaxPool2d(window, 2, ceil_mode=True)  # rounds sizes up, so that 112 becomes 56

        self.stem = nn.Sequential(
            *(conv_norm(3, 64, 7, 2, epsilon=1e-3), halve(3)),
            *(conv_norm(64, 64, 1, epsilon=1e-3), conv_norm(64, 192, 3, epsilon=1e-3), halve(3)),
        )
        self.halve4, self.halve5 = halve(3), halve(2)
        channels = 192
        self.blocks = nn.ModuleDict()
        for name, branches in BLOCKS.items():
            self.blocks[name] = Inception(channels, branches, large)
            channels = branches.out
        heads = {"4a": BLOCKS["4a"].out, "4d": BLOCKS["4d"].out} if auxiliary else {}
        self.auxiliary = nn.ModuleDict({n: AuxiliaryHead(c, classes, dropout_aux) for n, c in heads.items()})
        self.head = nn.Sequential(
            nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(dropout), nn.Linear(channels, classes)
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor | tuple[torch.Tensor, ...]:
        x = self.stem(x)
        extra = []
        for name, block in self.blocks.items():
            if name in ("4a", "5a"):
                x = self.halve4(x) if name == "4a" else self.halve5(x)
            x = block(x)
            if self.training and name in self.auxiliary:
                extra.append(self.auxiliary[name](x))
        scores = self.head(x)
        return (scores, *extra) if extra else scores
