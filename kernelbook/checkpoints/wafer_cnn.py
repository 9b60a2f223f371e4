"""The network that the lab LookInside opens: `python -m kernelbook.checkpoints.wafer_cnn` trains it, in two minutes.

Four 3 x 3 convolutions, the second and third with stride 2, each followed by ReLU; then the mean over all positions of
each of the last maps, and one linear layer. With this end a class activation map is exact: a class's score is its
bias plus the mean of its map (Zhou et al. 2016, "Learning deep features for discriminative localization", section 2).

It is trained with batch normalisation after every convolution, which is then folded into the convolution's weights:
what is stored, measured and opened is the plain network.
"""

from __future__ import annotations

import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from kernelbook import checkpoints, training
from kernelbook.data import CLASSES, wafers

SIZE = 32
CHANNELS = (1, 8, 12, 16, 16)
STRIDES = (1, 2, 2, 1)
TRAIN, TEST = 20_000, 5_000  # wafers
TRAIN_SEED, TEST_SEED = 2_001, 2_002


class WaferCNN(nn.Module):
    """x: (N, 1, 32, 32) wafers with 0 for no die, 0.5 passed, 1 failed -> (N, 9) scores."""

    def __init__(self) -> None:
        super().__init__()
        pairs = zip(CHANNELS, CHANNELS[1:], STRIDES, strict=False)
        self.convs = nn.ModuleList(nn.Conv2d(i, o, 3, stride=s, padding=1) for i, o, s in pairs)
        self.relus = nn.ModuleList(nn.ReLU() for _ in STRIDES)  # modules, so that their answers can be hooked
        self.head = nn.Linear(CHANNELS[-1], len(CLASSES))

    def maps(self, x: torch.Tensor) -> list[torch.Tensor]:
        """Every layer's maps after ReLU: (N, 8, 32, 32), (N, 12, 16, 16), (N, 16, 8, 8), (N, 16, 8, 8)."""
        found = []
        for conv, relu in zip(self.convs, self.relus, strict=True):
            x = relu(conv(x))
            found.append(x)
        return found

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.maps(x)[-1].mean((2, 3)))

    def cam(self, x: torch.Tensor) -> torch.Tensor:
        """Class activation maps (N, 9, 8, 8): the last maps, weighted. Mean plus bias is the score."""
        return torch.einsum("nkhw,ck->nchw", self.maps(x)[-1], self.head.weight)


class _Normalised(WaferCNN):
    """The same network with batch normalisation between convolution and ReLU, for training."""

    def __init__(self) -> None:
        super().__init__()
        self.norms = nn.ModuleList(nn.BatchNorm2d(channels) for channels in CHANNELS[1:])

    def maps(self, x: torch.Tensor) -> list[torch.Tensor]:
        found = []
        for conv, norm, relu in zip(self.convs, self.norms, self.relus, strict=True):
            x = relu(norm(conv(x)))
            found.append(x)
        return found

    def folded(self) -> WaferCNN:
        """The plain network that computes the same in evaluation mode."""
        plain = WaferCNN()
        plain.head.load_state_dict(self.head.state_dict())
        for i, (conv, norm) in enumerate(zip(self.convs, self.norms, strict=True)):
            assert isinstance(conv, nn.Conv2d)
            assert isinstance(norm, nn.BatchNorm2d)
            plain.convs[i] = fuse_conv_bn_eval(conv.eval(), norm.eval())
        return plain


def build() -> WaferCNN:
    """The network without its training."""
    return WaferCNN()


def accuracy(model: nn.Module) -> float:
    """Fraction of the test wafers that `model` names rightly."""
    x, y = training.tensors(*wafers(TEST, SIZE, TEST_SEED))
    return (training.predict(model, x, 250) == y).float().mean().item()


def train() -> None:
    """Train, round, measure and store."""
    torch.manual_seed(0)
    torch.set_num_threads(1)
    trained = _Normalised()
    data = training.tensors(*wafers(TRAIN, SIZE, TRAIN_SEED))
    training.fit(trained, data, None, epochs=14, learning_rate=5e-3, batch_size=64, weight_decay=2e-2)
    model = trained.folded()
    found = accuracy(checkpoints.rounded(model))
    print(f"test accuracy on {TEST} wafers: {found:.4f}")
    checkpoints.save("wafer_cnn", model, test_accuracy=round(found, 4), train_wafers=TRAIN, test_wafers=TEST)


if __name__ == "__main__":
    train()
