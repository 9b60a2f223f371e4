"""What a network looks at: maps that say which pixels, or which parts of a map, a score depends on.

Every method takes a network, pictures x (N, C, H, W) and a class, and returns one map for each picture. They answer
different questions, which their docstrings state. A *score* is the network's number for a class before softmax.

None of them is evidence by itself. Three functions at the end are there to test the others: `randomised` takes a
network's training away again, `rank_correlation` says whether a map noticed, and `mass_on` compares a map with a place
that is known.

Networks should be in evaluation mode. Nothing here changes a network, or the gradients that its weights hold.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

Target = int | torch.Tensor
"""A class for all pictures, or one for each: (N,) int64."""

# ----------------------------------------------------------------------------------------------- What the layers hold


def first_convolution(model: nn.Module) -> nn.Conv2d:
    """The first convolution of `model`, in the order in which its layers were defined, whatever its name.

    Raises ValueError where there is none.
    """
    for module in model.modules():
        if isinstance(module, nn.Conv2d):
            return module
    raise ValueError(f"{type(model).__name__} has no two-dimensional convolution")


def to_unit_range(weights: torch.Tensor, each: bool = True) -> torch.Tensor:
    """Filters (C_out, C_in, K_h, K_w) from 0 to 1, to be shown: every filter by its own scale, or all by one.

    A filter of one value only becomes 0.
    """
    axes = (1, 2, 3) if each else (0, 1, 2, 3)
    low, high = weights.amin(axes, keepdim=True), weights.amax(axes, keepdim=True)
    return (weights - low) / torch.where(high > low, high - low, 1)


def activations(model: nn.Module, layer: nn.Module, x: torch.Tensor) -> torch.Tensor:
    """What `layer`, a module somewhere inside `model`, answers while `model` reads x (N, C, H, W).

    Raises ValueError where the layer takes no part.
    """
    return _forward(model, layer, x)[1].detach()


def _forward(model: nn.Module, layer: nn.Module, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """The scores, and the answer of `layer`, still part of the graph."""
    kept: list[torch.Tensor] = []
    hook = layer.register_forward_hook(lambda _module, _arguments, answer: kept.append(answer))
    try:
        scores = model(x)
    finally:
        hook.remove()
    if not kept:
        raise ValueError(f"the layer {type(layer).__name__} took no part in the forward pass")
    return scores, kept[-1]


def maximise_activation(
    unit: Callable[[torch.Tensor], torch.Tensor],
    start: torch.Tensor,
    *,
    steps: int = 100,
    rate: float = 0.5,
    limits: tuple[float, float] = (0.0, 1.0),
    smooth: float = 0.0,
) -> torch.Tensor:
    """Pictures that excite a unit: gradient ascent on the pixels, from start (N, C, H, W); the weights stay.

    unit: pictures -> (N,), the activation or score to raise. rate: how far a picture moves in a step, as the length of
    its change divided by the square root of its number of pixels. limits: lowest and highest pixel. smooth: 0 to 1,
    which share of every step's gradient is replaced by its 3 x 3 mean.

    Source: Erhan, Bengio, Courville and Vincent 2009, "Visualizing higher-layer features of a deep network".
    """
    x = start.detach().clone()
    for step in range(steps):
        x.requires_grad_()
        (slope,) = torch.autograd.grad(unit(x).sum(), x)
        slope = (1 - smooth) * slope + smooth * F.avg_pool2d(slope, 3, 1, 1, count_include_pad=False)
        length = slope.square().mean((1, 2, 3), keepdim=True).sqrt()
        shrink = 1 - step / steps  # smaller steps towards the end
        x = (x.detach() + rate * shrink * slope / (length + 1e-12)).clamp(*limits)
    return x


# ------------------------------------------------------------------------------------------------ Maps from gradients


def _chosen(scores: torch.Tensor, target: Target) -> torch.Tensor:
    """The score of every picture's class: (N, classes) -> (N,)."""
    if scores.ndim != 2:
        raise ValueError(f"expected scores (N, classes), got {tuple(scores.shape)}")
    classes = torch.as_tensor(target, device=scores.device).expand(len(scores))
    return scores.gather(1, classes[:, None])[:, 0]


def gradient(model: nn.Module, x: torch.Tensor, target: Target) -> torch.Tensor:
    """By how much the score would change for each number of the picture, if that changed a little: (N, C, H, W).

    Source: Baehrens et al. 2010; Simonyan, Vedaldi and Zisserman 2014, "Deep inside convolutional networks", section 3.
    """
    x = x.detach().requires_grad_()
    return torch.autograd.grad(_chosen(model(x), target).sum(), x)[0]


def saliency(model: nn.Module, x: torch.Tensor, target: Target) -> torch.Tensor:
    """The gradient without its sign, the largest over the channels: (N, H, W). Source: Simonyan et al. 2014, 3.1."""
    return gradient(model, x, target).abs().amax(1)


def gradient_times_input(model: nn.Module, x: torch.Tensor, target: Target) -> torch.Tensor:
    """Gradient times pixel, summed over channels: (N, H, W). Source: Shrikumar, Greenside and Kundaje 2017."""
    return (gradient(model, x, target) * x).sum(1)


def integrated_gradients(
    model: nn.Module, x: torch.Tensor, target: Target, baseline: float | torch.Tensor = 0.0, steps: int = 64
) -> torch.Tensor:
    """The score's change on a straight way from a baseline to x, shared out among the pixels: (N, H, W).

    baseline: the picture that stands for "nothing there", a number or (C, H, W). The map's sum is score(x) -
    score(baseline), up to the error of `steps` midpoints. Source: Sundararajan, Taly and Yan 2017.
    """
    base = torch.as_tensor(baseline, dtype=x.dtype, device=x.device).expand_as(x)
    total = torch.zeros_like(x)
    for step in range(steps):
        total += gradient(model, base + (step + 0.5) / steps * (x - base), target)
    return ((x - base) * total / steps).sum(1)


class _ReLU(torch.autograd.Function):
    """A ReLU that also throws away negative gradients, and that gates them by its input or doesn't."""

    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, gate: bool) -> torch.Tensor:
        ctx.save_for_backward(x)
        ctx.gate = gate
        return x.clamp(min=0)

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[torch.Tensor, None]:
        (x,) = ctx.saved_tensors
        kept = gradients[0].clamp(min=0)
        return (kept * (x > 0) if ctx.gate else kept), None


class _OtherReLU(TorchFunctionMode):
    """While it is on, every ReLU goes backwards by another rule, be it a module or a function."""

    def __init__(self, gate: bool) -> None:
        super().__init__()
        self.gate = gate

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func in (torch.relu, F.relu, torch.Tensor.relu):
            return _ReLU.apply(args[0], self.gate)
        return func(*args, **(kwargs or {}))


def guided_backprop(model: nn.Module, x: torch.Tensor, target: Target) -> torch.Tensor:
    """`saliency`, but negative gradients are set to 0 at every ReLU on the way back: (N, H, W).

    Source: Springenberg, Dosovitskiy, Brox and Riedmiller 2015, "Striving for simplicity", section 3.4.
    """
    with _OtherReLU(gate=True):
        return saliency(model, x, target)


def deconvnet(model: nn.Module, x: torch.Tensor, target: Target) -> torch.Tensor:
    """`saliency`, but a ReLU lets gradients back by their own sign, not by its input's: (N, H, W).

    Source: Zeiler and Fergus 2014, "Visualizing and understanding convolutional networks", section 2.1.
    """
    with _OtherReLU(gate=False):
        return saliency(model, x, target)


# ------------------------------------------------------------------------------------------- Maps from the last layers


def class_activation_map(maps: torch.Tensor, weight: torch.Tensor, target: Target) -> torch.Tensor:
    """The last maps (N, C, h, w), each times its weight in the head (classes, C), added: (N, h, w).

    For a network that ends in global average pooling and one linear layer, the map's mean plus the class's bias *is*
    the score. Source: Zhou et al. 2016, "Learning deep features for discriminative localization", section 2.
    Raises ValueError where maps and weights have different numbers of channels.
    """
    if maps.ndim != 4 or weight.ndim != 2 or maps.shape[1] != weight.shape[1]:
        raise ValueError(
            f"expected maps (N, C, h, w) and weights (classes, C), got {tuple(maps.shape)} and {tuple(weight.shape)}"
        )
    classes = torch.as_tensor(target, device=maps.device).expand(len(maps))
    return torch.einsum("nchw,nc->nhw", maps, weight[classes])


def grad_cam(
    model: nn.Module, layer: nn.Module, x: torch.Tensor, target: Target, *, rectify: bool = True
) -> torch.Tensor:
    """The maps of a layer, each times the mean of the score's gradient over the map, added: (N, h, w).

    layer: a module of `model` whose answer is (N, C, h, w); usually the last ReLU before the head. rectify: keep only
    what speaks for the class, as the paper does. Source: Selvaraju et al. 2017, "Grad-CAM", section 3.
    Raises ValueError for a layer that answers with no maps.
    """
    scores, maps = _forward(model, layer, x)
    if maps.ndim != 4:
        raise ValueError(f"expected a layer that answers (N, C, h, w), got {tuple(maps.shape)}")
    (slope,) = torch.autograd.grad(_chosen(scores, target).sum(), maps)
    combined = (slope.mean((2, 3), keepdim=True) * maps).sum(1).detach()
    return combined.clamp(min=0) if rectify else combined


def enlarged(maps: torch.Tensor, size: tuple[int, int]) -> torch.Tensor:
    """Coarse maps (N, h, w) at the size of the picture (N, H, W), bilinearly, each value in its cell's middle."""
    return F.interpolate(maps[:, None], size=size, mode="bilinear", align_corners=False)[:, 0]


def attention_rollout(attention: torch.Tensor) -> torch.Tensor:
    """How much a transformer's class token draws from every patch, over all layers: (N, side, side), sums below 1.

    attention: (N, layers, heads, 1 + side², 1 + side²), rows sum to 1, token 0 is the class token. Heads are averaged,
    each layer counts half as attention and half as its shortcut, and layers are multiplied. It knows no class.
    Source: Abnar and Zuidema 2020, "Quantifying attention flow in transformers", section 3.
    Raises ValueError where the patches are no square.
    """
    tokens = attention.shape[-1]
    side = round((tokens - 1) ** 0.5)
    if attention.ndim != 5 or side**2 != tokens - 1:
        raise ValueError(f"expected (N, layers, heads, 1 + side², 1 + side²), got {tuple(attention.shape)}")
    flow = torch.eye(tokens, dtype=attention.dtype).expand(len(attention), -1, -1)
    for layer in attention.mean(2).unbind(1):
        flow = (layer + torch.eye(tokens, dtype=layer.dtype)) / 2 @ flow
    return flow[:, 0, 1:].reshape(-1, side, side)


# ------------------------------------------------------------------------------------------ Maps by trying things out


@torch.no_grad()
def occlusion(
    model: nn.Module, x: torch.Tensor, target: Target, window: int, stride: int = 1, fill: float | torch.Tensor = 0.0
) -> torch.Tensor:
    """By how much the score falls when a square of the picture is covered: (N, O_h, O_w), one number for each place.

    window, stride: side of the square and its step, in pixels. fill: what it is covered with, a number or (C, H, W).
    Source: Zeiler and Fergus 2014, section 4.2. Raises ValueError for a window that does not fit.
    """
    height, width = x.shape[2:]
    if not 1 <= window <= min(height, width):
        raise ValueError(f"a window of {window} does not fit into {height} x {width} pixels")
    cover = torch.as_tensor(fill, dtype=x.dtype, device=x.device).expand_as(x)
    whole = _chosen(model(x), target)
    rows, columns = range(0, height - window + 1, stride), range(0, width - window + 1, stride)
    falls = x.new_empty(len(x), len(rows), len(columns))
    for i, top in enumerate(rows):
        for j, left in enumerate(columns):
            covered = x.clone()
            square = (slice(None), slice(None), slice(top, top + window), slice(left, left + window))
            covered[square] = cover[square]
            falls[:, i, j] = whole - _chosen(model(covered), target)
    return falls


def per_pixel(places: torch.Tensor, size: tuple[int, int], window: int, stride: int = 1) -> torch.Tensor:
    """Numbers of windows (N, O_h, O_w) as a map of pixels (N, H, W): the mean of the windows that cover a pixel.

    Pixels that no window covers become 0.
    """
    kernel = torch.ones(1, 1, window, window, dtype=places.dtype, device=places.device)

    def laid_out(numbers: torch.Tensor) -> torch.Tensor:
        sums = F.conv_transpose2d(numbers[:, None], kernel, stride=stride)[:, 0]
        return F.pad(sums, (0, size[1] - sums.shape[2], 0, size[0] - sums.shape[1]))

    return laid_out(places) / laid_out(torch.ones_like(places)).clamp(min=1)


# ------------------------------------------------------------------------------------------------------ Tests of maps


def randomised(model: nn.Module, layers: int | None = None, seed: int = 0) -> nn.Module:
    """A copy of `model` whose last `layers` layers have the random weights of a new network; None for all of them.

    A layer is a module with weights of its own that can draw them anew, in the order in which they were defined. 1
    takes the head, 2 the layer before it too, and so on: cascading randomisation.
    Source: Adebayo et al. 2018, "Sanity checks for saliency maps". Raises ValueError for more layers than there are.
    """
    other = copy.deepcopy(model)
    weighted = [
        reset
        for module in other.modules()
        if (reset := getattr(module, "reset_parameters", None) or getattr(module, "_reset_parameters", None))
        and next(module.parameters(recurse=False), None) is not None
    ]
    count = len(weighted) if layers is None else layers
    if not 0 <= count <= len(weighted):
        raise ValueError(f"the network has {len(weighted)} layers with weights, asked for {count}")
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        for reset in weighted[len(weighted) - count :][::-1]:
            reset()
    return other


def rank_correlation(one: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
    """Spearman's rank correlation of each two maps (N, H, W): (N,), from -1 to 1; 0 where a map has one value only.

    Equal values share their mean rank. Raises ValueError where the shapes differ.
    """
    if one.shape != other.shape or one.ndim != 3:
        raise ValueError(f"expected two maps (N, H, W), got {tuple(one.shape)} and {tuple(other.shape)}")
    pairs = [[_ranks(map_.detach().numpy()) for map_ in maps] for maps in (one, other)]
    found = []
    for first, second in zip(*pairs, strict=True):
        lengths = float(np.linalg.norm(first) * np.linalg.norm(second))
        found.append(float(first @ second) / lengths if lengths else 0.0)
    return torch.tensor(found, dtype=torch.float64)


def _ranks(values: np.ndarray) -> np.ndarray:
    """Ranks of all values, about their mean; equal values share one."""
    _, place, counts = np.unique(values.ravel(), return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[place.ravel()]
    return ranks - ranks.mean()


def mass_on(maps: torch.Tensor, places: torch.Tensor) -> torch.Tensor:
    """Which share of a map's positive values lies on known places: (N, H, W) twice -> (N,), 0 to 1.

    places: true or 1 where the thing is. A map without positive values has share 0. A map that knows nothing, the same
    everywhere, has the share of the area: that is chance. Raises ValueError where the shapes differ.
    """
    if maps.shape != places.shape or maps.ndim != 3:
        raise ValueError(f"expected maps and places (N, H, W), got {tuple(maps.shape)} and {tuple(places.shape)}")
    positive = maps.clamp(min=0)
    total = positive.sum((1, 2))
    return (positive * places).sum((1, 2)) / torch.where(total > 0, total, 1)
