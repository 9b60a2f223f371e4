"""The pretrained network of the transfer experiment: `python -m kernelbook.checkpoints.texture_cnn` trains it.

Four stages of convolution, batch normalisation and ReLU, each halving the map but the first; then the mean over all
positions and one linear layer. It learns the twenty classes of :func:`kernelbook.data.textures`, of which it has as
many pictures as it likes, and so stands for ImageNet in a book without downloads.
"""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import nn

from kernelbook import checkpoints, training
from kernelbook.data import TEXTURED_SHAPES, textures

SIZE = 32
CHANNELS = (1, 8, 16, 24, 32)
TRAIN, TEST = 20_000, 4_000  # pictures
TRAIN_SEED, TEST_SEED = 3_001, 3_002


class StagedCNN(nn.Module):
    """x: (N, 1, H, W) -> (N, classes) scores. `stages` and `head` are what transfer learning freezes or trains."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.stages = nn.ModuleList(
            nn.Sequential(
                nn.Conv2d(i, o, 3, stride=1 if i == 1 else 2, padding=1, bias=False), nn.BatchNorm2d(o), nn.ReLU()
            )
            for i, o in pairwise(CHANNELS)
        )
        self.head = nn.Linear(CHANNELS[-1], classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for stage in self.stages:
            x = stage(x)
        return self.head(x.mean((2, 3)))


def build() -> StagedCNN:
    """The network without its training."""
    return StagedCNN(len(TEXTURED_SHAPES))


def accuracy(model: nn.Module) -> float:
    """Fraction of the test pictures that `model` names rightly."""
    x, y = training.tensors(*textures(TEST, SIZE, TEST_SEED))
    return (training.predict(model, x, 250) == y).float().mean().item()


def train() -> None:
    """Train, round, measure and store."""
    torch.manual_seed(0)
    torch.set_num_threads(1)
    model = build()
    data = training.tensors(*textures(TRAIN, SIZE, TRAIN_SEED))
    training.fit(model, data, None, epochs=14, learning_rate=5e-3, batch_size=64, weight_decay=1e-3)
    found = accuracy(checkpoints.rounded(model))
    print(f"test accuracy on {TEST} pictures: {found:.4f}")
    checkpoints.save("texture_cnn", model, test_accuracy=round(found, 4), train_pictures=TRAIN, test_pictures=TEST)


if __name__ == "__main__":
    train()
