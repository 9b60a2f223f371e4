"""The moves of transfer learning: freeze, train around what is frozen, one rate a stage, a new head for a ResNet.

Each is a few lines on any `nn.Module`, so that a chapter can print what it changed. Nothing here trains.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torchvision
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""Of red, green and blue from 0 to 1, over ImageNet: what torchvision's weights expect to be taken out."""


class WeightsUnavailable(Exception):
    """Pretrained weights are not on this computer and couldn't be fetched: one sentence, no traceback in a notebook."""

    def _render_traceback_(self) -> list[str]:
        """What IPython shows: the sentence alone."""
        return [f"{type(self).__name__}: {self}"]


def freeze(module: nn.Module) -> nn.Module:
    """Keep `module` as it is: no gradients for its parameters, and evaluation mode, so that batch norm keeps still.

    Returns the module itself. A later `.train()` on a parent wakes batch norm again: use `train_around`.
    """
    return module.requires_grad_(False).eval()


def train_around(model: nn.Module) -> nn.Module:
    """Training mode for `model`, but evaluation mode for every batch norm whose scale and shift are frozen.

    Call it where a training loop calls `model.train()`. Returns the model itself. A batch norm without scale and shift
    (`affine=False`) has nothing to freeze and goes into training mode.
    """
    model.train()
    for module in model.modules():
        own = list(module.parameters(recurse=False))
        if isinstance(module, _BatchNorm) and own and not any(p.requires_grad for p in own):
            module.eval()
    return model


def groups(modules: Sequence[nn.Module], rate: float, shrink: float = 1.0) -> list[dict]:
    """An optimiser's parameter groups, one a module, from the first to the last, which gets `rate`.

    Each module gets the rate of the next one divided by `shrink`: "discriminative" rates (Howard and Ruder 2018,
    section 3.2). Parameters that are frozen are left out, and so are modules without any. Raises ValueError for a rate
    or a divisor that is not positive.
    """
    if rate <= 0 or shrink <= 0:
        raise ValueError(f"rate and shrink must be positive, got {rate} and {shrink}")
    found = []
    for before_last, module in enumerate(reversed(modules)):
        if parameters := [p for p in module.parameters() if p.requires_grad]:
            found.append({"params": parameters, "lr": rate / shrink**before_last})
    return found[::-1]


def count(model: nn.Module) -> tuple[int, int]:
    """How many parameters of `model` are trained, and how many there are."""
    sizes = [(p.numel(), p.requires_grad) for p in model.parameters()]
    return sum(n for n, trained in sizes if trained), sum(n for n, _ in sizes)


def resnet50(pretrained: bool, classes: int = 1000) -> nn.Module:
    """torchvision's ResNet-50, with ImageNet weights (V2) or random ones: (N, 3, H, W) -> (N, classes).

    With fewer or more than 1,000 classes the head `fc` is new. Weights come from torch's cache, or are downloaded into
    it once, with a bar. Raises WeightsUnavailable where neither is possible.
    """
    if pretrained:
        weights = torchvision.models.ResNet50_Weights.IMAGENET1K_V2
        try:
            model = torchvision.models.resnet50(weights=weights)
        except (OSError, RuntimeError) as error:
            raise WeightsUnavailable(
                f"the ImageNet weights of ResNet-50 are not in {torch.hub.get_dir()}/checkpoints, and fetching failed "
                f"({type(error).__name__}): copy the file of {weights.url} there, or go on with pretrained=False."
            ) from None
    else:
        model = torchvision.models.resnet50()
    if classes != model.fc.out_features:
        model.fc = nn.Linear(model.fc.in_features, classes)
    return model


def as_photographs(maps: torch.Tensor, size: int) -> torch.Tensor:
    """Grey maps (N, 1, H, W) from 0 to 1 as an ImageNet network wants them: (N, 3, size, size), three equal channels,
    enlarged without blur (nearest neighbour), less ImageNet's mean and over its deviation, channel by channel.

    Raises ValueError for maps of another shape.
    """
    if maps.ndim != 4 or maps.shape[1] != 1:
        raise ValueError(f"expected grey maps (N, 1, H, W), got {tuple(maps.shape)}")
    mean, std = (torch.tensor(v, dtype=maps.dtype).reshape(1, 3, 1, 1) for v in (IMAGENET_MEAN, IMAGENET_STD))
    large = nn.functional.interpolate(maps, size=(size, size), mode="nearest")
    return (large.expand(-1, 3, -1, -1) - mean) / std
