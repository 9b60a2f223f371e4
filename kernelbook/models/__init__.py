"""The architectures of chapters 6 to 8, one file each, to be read beside the text.

`build("resnet50")` makes any of them by name, `input_shape` says what it was made for, and `summary` counts what it
costs. Built under `torch.device("meta")` even the largest takes a moment and no memory:

    with torch.device("meta"):
        print(models.summary(models.build("resnet50"), (3, 224, 224), depth=1))

Parameters and work are those of the papers, or of torchvision where it has the network; its trained weights fit by
`load_in_order`. Every network maps pictures (N, C, H, W) to scores (N, classes), before any softmax.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import torch
from torch import nn

from kernelbook.models.alexnet import AlexNet, AlexNet2012
from kernelbook.models.convnext import ConvNeXt
from kernelbook.models.efficientnet import SCALES, EfficientNet
from kernelbook.models.googlenet import GoogLeNet
from kernelbook.models.lenet import LeNet5, LeNet5Modern
from kernelbook.models.mobilenet_v1 import MobileNetV1
from kernelbook.models.mobilenet_v2 import MobileNetV2
from kernelbook.models.resnet import ResNet
from kernelbook.models.summary import Row, Summary, summary
from kernelbook.models.vgg import VGG
from kernelbook.models.vit import VisionTransformer

BUILDERS: dict[str, Callable[..., nn.Module]] = {
    "lenet5": LeNet5,
    "lenet5_modern": LeNet5Modern,
    "alexnet_2012": AlexNet2012,
    "alexnet": AlexNet,
    **{f"vgg{depth}": partial(VGG, depth) for depth in (11, 13, 16, 19)},
    "googlenet": GoogLeNet,
    **{f"resnet{depth}": partial(ResNet, depth) for depth in (18, 34, 50, 101, 152)},
    "mobilenet_v1": MobileNetV1,
    "mobilenet_v2": MobileNetV2,
    **{f"efficientnet_{scale}": partial(EfficientNet, scale) for scale in SCALES},
    **{f"convnext_{size}": partial(ConvNeXt, size) for size in ("tiny", "small", "base", "large")},
    "vit_b_16": partial(VisionTransformer, "b"),
    "vit_l_16": partial(VisionTransformer, "l"),
}
"""Every architecture by name; names are torchvision's where it has the network."""


def build(name: str, **options: Any) -> nn.Module:
    """The network called `name`, with random weights. options: as its class takes them, such as classes=9.

    Raises ValueError for a name that is not in BUILDERS.
    """
    if name not in BUILDERS:
        raise ValueError(f"unknown architecture {name!r}: choose from {', '.join(BUILDERS)}")
    return BUILDERS[name](**options)


def input_shape(name: str) -> tuple[int, int, int]:
    """(C, H, W) of the pictures that the network called `name` was made for. Raises ValueError as `build` does."""
    if name not in BUILDERS:
        raise ValueError(f"unknown architecture {name!r}: choose from {', '.join(BUILDERS)}")
    if name.startswith("lenet5"):
        return 1, 32, 32
    side = SCALES[name.removeprefix("efficientnet_")].resolution if name.startswith("efficientnet") else 224
    return 3, side, side


def load_in_order(model: nn.Module, state: Mapping[str, torch.Tensor]) -> None:
    """Copy `state`, a state_dict whose tensors stand in the same order under other names, into `model`, in place.

    So torchvision's weights fit our networks: load_in_order(build("resnet50"), torchvision_model.state_dict()).
    Raises ValueError where number or shapes differ.
    """
    own = model.state_dict()
    if len(own) != len(state):
        raise ValueError(f"the model has {len(own)} tensors, but {len(state)} came")
    for (name, mine), (other, theirs) in zip(own.items(), state.items(), strict=True):
        if mine.shape != theirs.shape:
            raise ValueError(f"{name} has shape {tuple(mine.shape)}, but {other} has {tuple(theirs.shape)}")
    model.load_state_dict(dict(zip(own, state.values(), strict=True)))


__all__ = [
    "BUILDERS",
    "SCALES",
    "VGG",
    "AlexNet",
    "AlexNet2012",
    "ConvNeXt",
    "EfficientNet",
    "GoogLeNet",
    "LeNet5",
    "LeNet5Modern",
    "MobileNetV1",
    "MobileNetV2",
    "ResNet",
    "Row",
    "Summary",
    "VisionTransformer",
    "build",
    "input_shape",
    "load_in_order",
    "summary",
]
