"""A second source for the transfer experiment: `python -m kernelbook.checkpoints.other_wafer_cnn` trains it.

The network of :mod:`kernelbook.checkpoints.texture_cnn`, pretrained on the wafers of another product: the same nine
faults, but larger dies, 20 x 20 of them on a wafer instead of 32 x 32. A source that is close to the target, where
textures are far from it.
"""

from __future__ import annotations

import torch
from torch import nn

from kernelbook import checkpoints, training
from kernelbook.checkpoints.texture_cnn import StagedCNN
from kernelbook.data import CLASSES, wafers

SIZE = 20
TRAIN, TEST = 20_000, 4_000  # wafers
TRAIN_SEED, TEST_SEED = 3_003, 3_004


def build() -> StagedCNN:
    """The network without its training."""
    return StagedCNN(len(CLASSES))


def accuracy(model: nn.Module) -> float:
    """Fraction of the other product's test wafers that `model` names rightly."""
    x, y = training.tensors(*wafers(TEST, SIZE, TEST_SEED))
    return (training.predict(model, x, 250) == y).float().mean().item()


def train() -> None:
    """Train, round, measure and store."""
    torch.manual_seed(0)
    torch.set_num_threads(1)
    model = build()
    data = training.tensors(*wafers(TRAIN, SIZE, TRAIN_SEED))
    training.fit(model, data, None, epochs=8, learning_rate=5e-3, batch_size=64, weight_decay=1e-3)
    found = accuracy(checkpoints.rounded(model))
    print(f"test accuracy on {TEST} wafers: {found:.4f}")
    checkpoints.save("other_wafer_cnn", model, test_accuracy=round(found, 4), train_wafers=TRAIN, test_wafers=TEST)


if __name__ == "__main__":
    train()
