"""Receptive fields: which pixels one unit of a network can see, and which it listens to.

Theory: `fields` reckons size, jump and start layer by layer from kernels, strides, paddings and dilations;
`model_fields` does the same for a PyTorch model by following its graph, branches included. Measurement: `gradient_map`
asks autograd how much each pixel moves one unit. Where the map is not zero is the field that was measured (`extent`);
how it is distributed is the *effective* field (Luo et al. 2016), of which `side_holding` says how wide it is.

One axis at a time: rows and columns never mix in this arithmetic. Unit `i` of a map sees the pixels from
`start + i jump` to `start + i jump + size - 1`; a negative place lies on the padding. Pixels are counted from 0.
Sources: Araujo, Norris and Sim 2019, "Computing receptive fields of convolutional neural networks"; Luo, Li, Urtasun
and Zemel 2016, "Understanding the effective receptive field in deep convolutional neural networks".
"""

import operator
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import fx, nn
from torch.nn import functional as F

from kernelbook.ops import Pair, _pair
from kernelbook.pooling import BlurPool2d


@dataclass(frozen=True)
class Layer:
    """A sliding window: a convolution or a pooling. Each number is for both axes, or (vertical, horizontal).

    padding: pixels added before the first one. Raises ValueError for what cannot be a window.
    """

    kernel: Pair
    stride: Pair = 1
    padding: Pair = 0
    dilation: Pair = 1
    name: str = ""

    def __post_init__(self) -> None:
        for name, least in {"kernel": 1, "stride": 1, "padding": 0, "dilation": 1}.items():
            _pair(name, getattr(self, name), least)


@dataclass(frozen=True)
class Field:
    """What the units of one map see of the picture, along one axis, in pixels."""

    size: int = 1  # how many pixels one unit sees
    jump: int = 1  # from the field of one unit to that of the next
    start: int = 0  # first pixel that unit 0 sees
    name: str = ""

    @property
    def centre(self) -> float:
        """Middle of the field of unit 0; half a pixel for an even size."""
        return self.start + (self.size - 1) / 2

    def pixels(self, unit: int, length: int | None = None) -> range:
        """The pixels that `unit` sees; only those of a picture `length` pixels long, if that is given."""
        first = self.start + unit * self.jump
        last = first + self.size
        return range(first, last) if length is None else range(max(first, 0), min(last, length))

    def after(self, layer: Layer, axis: int = 0) -> "Field":
        """The field one layer further on. axis: 0 vertical, 1 horizontal.

        size + D (K - 1) jump, jump S and start - P jump: a step in this map is `jump` steps in the picture.
        """
        kernel, stride = _pair("kernel", layer.kernel, 1)[axis], _pair("stride", layer.stride, 1)[axis]
        padding, dilation = _pair("padding", layer.padding, 0)[axis], _pair("dilation", layer.dilation, 1)[axis]
        return Field(
            size=self.size + dilation * (kernel - 1) * self.jump,
            jump=self.jump * stride,
            start=self.start - padding * self.jump,
            name=layer.name,
        )


def fields(layers: Iterable[Layer], axis: int = 0) -> list[Field]:
    """The field after each layer of a chain, in order. axis: 0 vertical, 1 horizontal."""
    found, field = [], Field()
    for layer in layers:
        field = field.after(layer, axis)
        found.append(field)
    return found


# Models


def layer_of(module: nn.Module, name: str = "") -> Layer | None:
    """A window as `Layer`, None for a module that changes no field (an activation, a normalisation by channel).

    Raises ValueError for any other module.
    """
    if isinstance(module, nn.Conv2d):
        padding = module.padding
        if isinstance(padding, str):
            reach = [d * (k - 1) for d, k in zip(module.dilation, module.kernel_size, strict=True)]
            padding = (reach[0] // 2, reach[1] // 2) if padding == "same" else (0, 0)
        kernel, stride, dilation = module.kernel_size, module.stride, module.dilation
        return Layer(_two(kernel), _two(stride), _two(padding), _two(dilation), name)
    if isinstance(module, nn.MaxPool2d):
        return Layer(_two(module.kernel_size), _two(module.stride), _two(module.padding), _two(module.dilation), name)
    if isinstance(module, nn.AvgPool2d):
        return Layer(_two(module.kernel_size), _two(module.stride), _two(module.padding), 1, name)
    if isinstance(module, BlurPool2d):
        return Layer(module.size, module.stride, (module.size - 1) // 2, 1, name)
    if isinstance(module, POINTWISE) or (isinstance(module, nn.Module) and type(module).__name__ in POINTWISE_NAMES):
        return None
    raise ValueError(f"don't know what {type(module).__name__} ({name or 'unnamed'}) does to a receptive field")


def _two(value: Any) -> tuple[int, int]:
    return _pair("value", value, 0)


POINTWISE = (
    *(nn.ReLU, nn.ReLU6, nn.LeakyReLU, nn.ELU, nn.GELU, nn.SiLU, nn.Sigmoid, nn.Tanh, nn.Softplus, nn.PReLU),
    *(nn.Hardswish, nn.Hardsigmoid, nn.BatchNorm2d, nn.Identity, nn.Dropout, nn.Dropout2d),
)
"""Modules whose output at a place depends on the same place only."""

POINTWISE_NAMES = {"LayerNorm2d", "StochasticDepth"}  # torchvision's, which normalise over channels or drop a branch

WHOLE = (nn.AdaptiveAvgPool2d, nn.AdaptiveMaxPool2d, nn.Flatten, nn.Linear)
"""Modules after which a number may depend on the whole map: no field is reckoned past them."""

_POINTWISE_CALLS: set[Any] = {
    *(
        F.relu,
        torch.relu,
        F.gelu,
        F.silu,
        torch.sigmoid,
        torch.tanh,
        F.dropout,
        F.hardswish,
        "relu",
        "relu_",
        "sigmoid",
    ),
    *("contiguous", "clone", "tanh"),
}
_MERGING_CALLS: set[Any] = {operator.add, operator.iadd, operator.mul, operator.imul, torch.add, torch.mul, torch.cat}
_WHOLE_CALLS: set[Any] = {
    *(F.adaptive_avg_pool2d, F.adaptive_max_pool2d, torch.flatten, torch.mean, "flatten", "view", "mean", "reshape"),
}


class _Tracer(fx.Tracer):
    """Looks into every module except those that `layer_of` and `model_fields` know."""

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        known = (nn.Conv2d, nn.MaxPool2d, nn.AvgPool2d, BlurPool2d, *POINTWISE, *WHOLE)
        return isinstance(m, known) or type(m).__name__ in POINTWISE_NAMES


def model_fields(model: nn.Module, axis: int = 0) -> list[Field]:
    """The field after each convolution and pooling of a model, in the order of its forward pass, named as its modules.

    Follows the graph: where branches meet (a residual sum, a concatenation) the field is the union of theirs. Stops at
    the first layer that reads a whole map (global pooling, flatten, linear); a squeeze-and-excitation gate, which
    scales channels by such a global number, is left out. axis: 0 vertical, 1 horizontal.

    Raises ValueError for a module or function whose effect on the field is unknown, for branches with different jumps,
    and for a model whose forward pass depends on its data.
    """
    try:
        graph = _Tracer().trace(model)
    except Exception as error:  # fx raises many kinds
        raise ValueError(f"cannot follow the forward pass of {type(model).__name__}: {error}") from error
    modules = dict(model.named_modules())
    known: dict[fx.Node, Field | None] = {}  # None: depends on the whole map, or is no map
    found = []
    for node in graph.nodes:
        if node.op == "placeholder":
            known[node] = Field()
            continue
        inputs = [known[argument] for argument in node.all_input_nodes]
        maps = [field for field in inputs if field is not None]
        module = modules.get(str(node.target)) if node.op == "call_module" else None
        if not maps or isinstance(module, WHOLE) or node.target in _WHOLE_CALLS:
            known[node] = None
        elif module is not None:
            layer = layer_of(module, str(node.target))
            known[node] = maps[0] if layer is None else maps[0].after(layer, axis)
            if layer is not None:
                found.append(known[node])
        elif node.target in _MERGING_CALLS:
            known[node] = _union(maps, node.name)
        elif node.target in _POINTWISE_CALLS:
            known[node] = maps[0]
        elif node.op == "output":
            known[node] = None
        elif node.op == "call_function" and node.target in (F.max_pool2d, F.avg_pool2d):
            known[node] = maps[0].after(_called(node), axis)
            found.append(known[node])
        else:
            raise ValueError(f"don't know what {node.target} does to a receptive field")
    return [field for field in found if field is not None]


def _called(node: fx.Node) -> Layer:
    """A call of F.max_pool2d or F.avg_pool2d as a layer."""
    names = ["x", "kernel_size", "stride", "padding", *(["dilation"] if node.target is F.max_pool2d else [])]
    given = {**dict(zip(names, node.args, strict=False)), **node.kwargs}
    kernel: Any = given["kernel_size"]
    stride: Any = given.get("stride")
    padding: Any = given.get("padding", 0)
    dilation: Any = given.get("dilation", 1)
    return Layer(kernel, kernel if stride is None else stride, padding, dilation, node.name)


def _union(maps: Sequence[Field], name: str) -> Field:
    jumps = {field.jump for field in maps}
    if len(jumps) > 1:
        raise ValueError(f"branches with jumps {sorted(jumps)} meet at {name}: their maps have different sizes")
    start = min(field.start for field in maps)
    end = max(field.start + field.size for field in maps)
    return replace(maps[0], size=end - start, start=start, name=name)


# Measurement


class _Reached(Exception):
    """Ends a forward pass at the layer that was asked for."""


def _output_at(model: nn.Module, x: torch.Tensor, layer: str | None) -> torch.Tensor:
    """The output (N, C, O_h, O_w) of the named module, or of the model."""
    if layer is None:
        return model(x)
    caught: list[torch.Tensor] = []

    def stop(_module: nn.Module, _inputs: Any, output: torch.Tensor) -> None:
        caught.append(output)
        raise _Reached

    handle = model.get_submodule(layer).register_forward_hook(stop)
    try:
        model(x)
    except _Reached:
        pass
    finally:
        handle.remove()
    if not caught:
        raise ValueError(f"the forward pass does not come through {layer!r}")
    return caught[0]


def gradient_map(
    model: nn.Module, x: torch.Tensor, unit: tuple[int, int] | None = None, layer: str | None = None
) -> np.ndarray:
    """How much each pixel of x moves one unit, in the mean: (H, W), not negative.

    model: in evaluation mode while this runs, as it was afterwards. x: (N, C, H, W) pictures, in the model's type.
    layer: name of the module whose output is asked (`model.named_modules()`); the model's own output if None.
    unit: row and column in that map; its middle if None, the later one of two.

    The absolute gradient of the sum over all channels of the unit, summed over the picture's channels and averaged over
    the N pictures. In float64, so that what is outside a field is exactly 0. Raises ValueError for an output that is
    no map and a unit that is not on it.
    """
    x = x.detach().clone().requires_grad_()
    training = {module: module.training for module in model.modules()}
    model.eval()
    try:
        with torch.enable_grad():
            out = _output_at(model, x, layer)
            if out.ndim != 4:
                raise ValueError(f"expected an output (N, C, O_h, O_w), got shape {tuple(out.shape)}")
            height, width = out.shape[2:]
            row, column = (height // 2, width // 2) if unit is None else unit
            if not (0 <= row < height and 0 <= column < width):
                raise ValueError(f"unit ({row}, {column}) is not on a map of {height} x {width}")
            (gradient,) = torch.autograd.grad(out[:, :, row, column].sum(), x)
    finally:
        for module, was in training.items():
            module.training = was
    return gradient.double().abs().sum(1).mean(0).cpu().numpy()


def extent(weights: np.ndarray) -> tuple[range, range]:
    """Rows and columns of the smallest rectangle that holds everything of (H, W) `weights` that is not 0.

    Raises ValueError where all are 0.
    """
    ends = []
    for axis in (1, 0):
        seen = np.flatnonzero(np.asarray(weights).any(axis=axis))
        if not len(seen):
            raise ValueError("nothing moves this unit: the gradient is 0 everywhere")
        ends.append(range(int(seen[0]), int(seen[-1]) + 1))
    return ends[0], ends[1]


def measured_field(
    model: nn.Module, x: torch.Tensor, unit: tuple[int, int] | None = None, layer: str | None = None
) -> tuple[range, range]:
    """Rows and columns that move one unit: `extent` of `gradient_map`, with its arguments.

    A lower bound: a ReLU or a maximum may hide a pixel for one picture, so give several. It stops at the borders of x.
    """
    return extent(gradient_map(model, x, unit, layer))


def side_holding(weights: np.ndarray, share: float, centre: tuple[float, float] | None = None) -> int:
    """Side, in pixels, of the smallest square about `centre` that holds a `share` of (H, W) `weights`.

    centre: row and column, whole or half pixels; the middle of `extent` if None. Only odd sides for a whole centre,
    even ones for a half. Raises ValueError for a share outside 0 to 1.
    """
    weights = np.asarray(weights, float)
    if not 0 < share <= 1:
        raise ValueError(f"share must be above 0 and at most 1, got {share}")
    if centre is None:
        rows, columns = extent(weights)
        centre = (rows[0] + rows[-1]) / 2, (columns[0] + columns[-1]) / 2
    row, column = np.indices(weights.shape)
    distance = np.maximum(abs(row - centre[0]), abs(column - centre[1])).ravel()
    order = np.argsort(distance, kind="stable")
    held = np.cumsum(weights.ravel()[order])
    reached = int(np.searchsorted(held, share * held[-1] * (1 - 1e-12)))
    return round(2 * float(distance[order][min(reached, len(order) - 1)])) + 1


Builder = Callable[[], nn.Module]


def mean_gradient_map(
    build: Builder, shape: tuple[int, int, int], seeds: Sequence[int], layer: str | None = None
) -> np.ndarray:
    """`gradient_map` of the middle unit, averaged over networks and pictures: (H, W).

    build: makes a network with fresh random weights; called once for each seed, after torch's seed is set. Each network
    reads one picture of standard normal noise of `shape` (C, H, W), in float64, as Luo et al. do.
    """
    maps = []
    for seed in seeds:
        torch.manual_seed(seed)
        model = build().double()
        maps.append(gradient_map(model, torch.randn(1, *shape, dtype=torch.float64), layer=layer))
    return np.mean(maps, axis=0)
