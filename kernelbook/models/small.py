"""Networks small enough to train many times in a chapter: one stem, one head, and between them the idea under test.

They read wafers of 16 x 16 dies. The stem halves the maps, everything in the body keeps them at 8 x 8, and the head
averages each map and scores the classes, so that two networks differ in their bodies and in nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional as F

from kernelbook import data, training
from kernelbook.models.convnext import Block
from kernelbook.models.parts import conv_norm, he_initialise


def network(*body: nn.Module, width: int = 8, classes: int = 9) -> nn.Sequential:
    """Stem, body, head, in float64: (N, 1, H, W) -> (N, classes). body: maps (N, width, H/2, W/2) to the same shape.

    Convolutions start from He's variances, except in bodies of LayerNorm and GELU, which bring their own.
    """
    head = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(width, classes))
    model = nn.Sequential(conv_norm(1, width, 3, 2), *body, head)
    he_initialise(model)
    return model.double()


TRAINING, TEST = 400, 450
"""Maps that `compare` trains a network on, unless told otherwise, and that it tests all of them on."""


def wafers(number: int, seed: int) -> training.Data:
    """Maps (number, 1, 16, 16) in float64 and labels (number,), as `data.wafers` draws them."""
    images, labels = data.wafers(number, size=16, seed=seed)
    return torch.from_numpy(images).double(), torch.from_numpy(labels)


@dataclass(frozen=True)
class Runs:
    """One design, trained once for each seed."""

    train: training.Spread  # fraction of its training maps that the trained network gets wrong
    test: training.Spread  # of maps it has not seen
    models: tuple[nn.Module, ...]  # the trained networks, in the order of the seeds


def compare(
    designs: Mapping[str, Callable[[], nn.Module]],
    seeds: Sequence[int] = range(5),
    *,
    number: int = TRAINING,
    epochs: int = 4,
    learning_rate: float = 0.015,
) -> dict[str, Runs]:
    """Train every design under every seed, and count errors. Within a seed all designs see the same maps in one order.

    designs: for each name a function that builds the network. number: training maps of a run, drawn by its seed.
    The recipe is `training.fit` with batches of 16; the TEST test maps are the same for all.
    """
    unseen = wafers(TEST, seed=1000)
    found: dict[str, list[tuple[float, float, nn.Module]]] = {name: [] for name in designs}
    for seed in seeds:
        train = wafers(number, seed)
        for name, build in designs.items():
            torch.manual_seed(seed)
            model = build()
            training.fit(model, train, None, epochs=epochs, learning_rate=learning_rate, batch_size=16, seed=seed)
            wrong = [(training.predict(model, x) != y).double().mean().item() for x, y in (train, unseen)]
            found[name].append((wrong[0], wrong[1], model))
    return {
        name: Runs(training.Spread(train), training.Spread(test), models)
        for name, runs in found.items()
        for train, test, models in [tuple(zip(*runs, strict=True))]
    }


class Pair(nn.Module):
    """Two 3 x 3 convolutions, with or without a shortcut round them: (N, C, H, W) -> the same shape.

    y = relu(F(x) + x) with `shortcut`, else relu(F(x)), where F(x) = norm(conv(relu(norm(conv(x))))): the block of
    ResNet-18 (`resnet.Basic`), and the plain one that He et al. 2016 compare it with. norm=False leaves out the
    normalisation, and the convolutions have biases.
    """

    def __init__(self, channels: int = 8, shortcut: bool = True, norm: bool = True) -> None:
        super().__init__()

        def layer() -> list[nn.Module]:
            convolution = nn.Conv2d(channels, channels, 3, padding=1, bias=not norm)
            return [convolution, nn.BatchNorm2d(channels)] if norm else [convolution]

        self.residual = nn.Sequential(*layer(), nn.ReLU(), *layer())
        self.shortcut = shortcut

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.residual(x)
        return F.relu(y + x if self.shortcut else y)


def chain(blocks: int, shortcut: bool, norm: bool = True, width: int = 8) -> nn.Sequential:
    """`blocks` pairs in a row between stem and head: 2 blocks + 2 layers with weights."""
    return network(*(Pair(width, shortcut, norm) for _ in range(blocks)), width=width)


def gradient_norms(model: nn.Sequential, inputs: torch.Tensor, labels: torch.Tensor) -> list[float]:
    """For each part of `model`, the length of the loss's gradient at what the part returns, from first to last.

    Cross-entropy of one batch: inputs (N, C, H, W), labels (N,). The model is in the mode it is in; nothing is
    changed, except the memories of batch norm while training.
    """
    answers = [inputs]
    for part in model:
        answers.append(part(answers[-1]))
    loss = F.cross_entropy(answers[-1], labels)
    return [slope.norm().item() for slope in torch.autograd.grad(loss, answers[1:])]


class Around(nn.Module):
    """x + layers(x), then `after`: any layers (N, C, H, W) -> the same shape, with a shortcut round them."""

    def __init__(self, *layers: nn.Module, after: Callable[[], nn.Module] = nn.Identity) -> None:
        super().__init__()
        self.layers = nn.Sequential(*layers)
        self.after = after()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.after(x + self.layers(x))


def modernised(step: int, blocks: int = 2) -> nn.Sequential:
    """A small ResNet on its way to ConvNeXt, in the order of Liu et al. 2022, section 2. step 0 to 4:

    0  bottleneck blocks: 1 x 1 from 16 maps to 8, 3 x 3 on 8, 1 x 1 back to 16
    1  depthwise: the 3 x 3 works on each map by itself, and can afford all 16
    2  inverted: 8 maps outside, 32 inside, where the depthwise 3 x 3 works
    3  the depthwise layer first, on 8 maps, with a 7 x 7 kernel
    4  ConvNeXt's block: GELU and LayerNorm, one of each, and a learned scale

    Raises ValueError for another step.
    """
    if step not in range(5):
        raise ValueError(f"step must be 0 to 4, got {step}")
    width = 16 if step < 2 else 8

    def block() -> nn.Module:
        if step == 0:
            layers = conv_norm(16, 8, 1), conv_norm(8, 8, 3), conv_norm(8, 16, 1, activation=None)
        elif step == 1:
            layers = conv_norm(16, 16, 1), conv_norm(16, 16, 3, groups=16), conv_norm(16, 16, 1, activation=None)
        elif step == 2:
            layers = conv_norm(8, 32, 1), conv_norm(32, 32, 3, groups=32), conv_norm(32, 8, 1, activation=None)
        elif step == 3:
            layers = conv_norm(8, 8, 7, groups=8), conv_norm(8, 32, 1), conv_norm(32, 8, 1, activation=None)
        else:
            return Block(8, scale=1.0)
        return Around(*layers, after=nn.ReLU)

    return network(*(block() for _ in range(blocks)), width=width)
