"""Writes architectures.json, the chains of windows that the lab ReceptiveField can load.

`python kernelbook/labs/lib/architectures.py` traces each model on the meta device and writes down every convolution and
pooling of its longest path, in order: shortcuts, which see less, are left out, and nothing is reckoned past a global
pooling or a linear layer. Run it when a model changes; a test says so.
"""

import json
from pathlib import Path
from typing import Any

import torch
import torchvision
from torch import nn

from kernelbook import models

ARCHITECTURES = {
    "lenet5": ("LeNet-5", 32, models.LeNet5Modern),
    "alexnet": ("AlexNet", 224, torchvision.models.alexnet),
    "vgg16": ("VGG-16", 224, torchvision.models.vgg16),
    "resnet18": ("ResNet-18", 224, torchvision.models.resnet18),
    "resnet50": ("ResNet-50", 224, torchvision.models.resnet50),
    "mobilenet_v1": ("MobileNetV1", 224, models.MobileNetV1),
}
KINDS = {nn.Conv2d: 0, nn.MaxPool2d: 1, nn.AvgPool2d: 1}


def windows(model: nn.Module, size: int) -> list[dict[str, Any]]:
    """Convolutions and poolings of a model (on the meta device) in forward order, for an input size x size.

    Each as {"name", "window": [kind, K, S, P, D]}, kind 0 for a convolution and 1 for a pooling. Raises ValueError for
    a window that is not square.
    """
    found: list[dict[str, Any]] = []

    def note(name: str) -> Any:
        def hook(module: nn.Module, _inputs: Any, _output: torch.Tensor) -> None:
            numbers = []
            for attribute in ("kernel_size", "stride", "padding", "dilation"):
                value = getattr(module, attribute, 1)
                sides = set(value) if isinstance(value, tuple) else {value}
                if len(sides) > 1:
                    raise ValueError(f"{name}: {attribute} {value} is not square")
                numbers.append(sides.pop())
            found.append({"name": name, "window": [KINDS[type(module)], *numbers]})

        return hook

    for name, module in model.named_modules():
        if type(module) in KINDS and "downsample" not in name:
            module.register_forward_hook(note(name))
    channels = next(m for m in model.modules() if isinstance(m, nn.Conv2d)).in_channels
    model.eval()(torch.empty(1, channels, size, size, device="meta"))
    return found


def packed() -> str:
    """The text of architectures.json."""
    table = {}
    for key, (title, size, build) in ARCHITECTURES.items():
        with torch.device("meta"):
            layers = windows(build(), size)
        table[key] = {"title": title, "size": size, "layers": layers}
    rows = [
        f"{json.dumps(key)}: " + json.dumps(entry).replace('{"name"', '\n  {"name"') for key, entry in table.items()
    ]
    return "{\n" + ",\n".join(rows) + "\n}\n"


if __name__ == "__main__":
    Path(__file__).with_suffix(".json").write_text(packed())
