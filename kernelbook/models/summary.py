"""What a network costs, layer by layer: answers, parameters, multiply-adds and activations, without computing any.

`summary` runs the network once on the device "meta", where tensors have shapes and no numbers, so that the largest
network takes a moment and no memory. The work is counted by PyTorch's own counter (`torch.utils.flop_counter`), which
sees every convolution and matrix product, attention's included; FLOPs are halved into multiply-adds.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode


@dataclass(frozen=True)
class Row:
    """One layer, or everything inside one part of the network. All numbers are for one picture."""

    name: str  # where it is in the network, as in `model.named_modules()`; "" for the network itself
    kind: str  # class of the module
    output: tuple[int, ...]  # shape of its answer without the batch: (C, H, W) or (C,); () if it's not one tensor
    parameters: int  # trainable numbers
    multiply_adds: int
    activations: int  # numbers that its convolutions and linear layers return (Radosavovic et al. 2020)
    dense: int  # of the parameters, those in linear layers


@dataclass(frozen=True)
class Summary:
    """Costs of a network. `str()` is a table of `rows`; `total` has the sums."""

    rows: tuple[Row, ...]
    total: Row

    def __str__(self) -> str:
        lines = [*self.rows, self.total]
        names = [row.name or row.kind for row in self.rows] + ["total"]
        width = max(len(name) for name in names)
        table = [f"{'layer':{width}}  {'answer':>15} {'parameters':>12} {'multiply-adds':>15}"]
        for name, row in zip(names, lines, strict=True):
            shape = " × ".join(map(str, row.output))
            table.append(f"{name:{width}}  {shape:>15} {row.parameters:12,} {row.multiply_adds:15,}")
        return "\n".join(table)


def summary(model: nn.Module, shape: tuple[int, ...], depth: int | None = None) -> Summary:
    """Costs of `model` for one input of `shape`, without the batch axis: (C, H, W).

    depth: how far down the rows go. 1 has a row for each direct part of the network, with all that is inside it;
        None has a row for each layer that has parameters, does multiply-adds or changes the shape.
    A part's own parameters and products, such as attention's, are a row of their own, before those of its layers.
    The model is neither changed nor run: a copy on the device "meta" is. Raises ValueError for a depth below 1 and for
    inputs that the model doesn't take.
    """
    if depth is not None and depth < 1:
        raise ValueError(f"depth must be at least 1, got {depth}")
    ghost = copy.deepcopy(model).to("meta").eval()
    measured = _measure(ghost, shape)
    rows = []
    for name, part, whole in _cut(ghost, depth):
        row = _row(name, part, measured, whole)
        if row.parameters or row.multiply_adds or _resizes(part) or (depth is not None and name):
            rows.append(row)
    return Summary(tuple(rows), _row("", ghost, measured, whole=True))


@dataclass
class _Measured:
    output: tuple[int, ...] = ()
    flops: int = 0  # of the module and everything inside
    activations: int = 0  # likewise


def _measure(ghost: nn.Module, shape: tuple[int, ...]) -> dict[str, _Measured]:
    """What each module that ran returned and cost, by name; everything inside counts with it."""
    measured: dict[str, _Measured] = {}
    counter = FlopCounterMode(display=False)
    spent = {"activations": 0}

    def before(name: str):
        def hook(module: nn.Module, inputs: object) -> None:
            entry = measured.setdefault(name, _Measured())
            entry.flops -= counter.get_total_flops()
            entry.activations -= spent["activations"]

        return hook

    def after(name: str):
        def hook(module: nn.Module, inputs: object, output: object) -> None:
            entry = measured[name]
            entry.output = tuple(output.shape[1:]) if isinstance(output, torch.Tensor) else ()
            if not list(module.children()) and counter.get_total_flops() + entry.flops > 0:
                spent["activations"] += output.numel() if isinstance(output, torch.Tensor) else 0
            entry.flops += counter.get_total_flops()
            entry.activations += spent["activations"]

        return hook

    for name, module in ghost.named_modules():
        module.register_forward_pre_hook(before(name))
        module.register_forward_hook(after(name))
    precision = next((p.dtype for p in ghost.parameters()), torch.float32)
    x = torch.empty(1, *shape, device="meta", dtype=precision)
    with torch.no_grad(), counter:
        try:
            ghost(x)
        except RuntimeError as error:
            raise ValueError(f"the model doesn't take inputs of shape {(1, *shape)}: {error}") from error
    return measured


def _cut(part: nn.Module, depth: int | None, name: str = "") -> Iterator[tuple[str, nn.Module, bool]]:
    """Name, module, and whether it stands for all inside it, for every row: the parts in order, down to `depth`."""
    if isinstance(part, nn.ModuleList | nn.ModuleDict):  # a bag of parts, not a part
        depth = None if depth is None else depth + 1
    else:
        yield name, part, depth == 0
        if depth == 0:
            return
    for child_name, child in part.named_children():
        path = f"{name}.{child_name}" if name else child_name
        yield from _cut(child, None if depth is None else depth - 1, path)


def _row(name: str, part: nn.Module, measured: dict[str, _Measured], whole: bool) -> Row:
    """The costs of a part, without those of the parts inside it unless `whole`; 0 for a part that didn't run."""
    mine = measured.get(name, _Measured())
    flops, activations = mine.flops, mine.activations
    if not whole:
        for inside in _inside(name, part, measured):
            flops -= inside.flops
            activations -= inside.activations
    parameters = sum(p.numel() for p in part.parameters(recurse=whole) if p.requires_grad)
    linear = [m for m in (part.modules() if whole else [part]) if isinstance(m, nn.Linear)]
    dense = sum(p.numel() for m in linear for p in m.parameters() if p.requires_grad)
    return Row(name, type(part).__name__, mine.output, parameters, flops // 2, activations, dense)


def _inside(name: str, part: nn.Module, measured: dict[str, _Measured]) -> Iterator[_Measured]:
    """What the parts directly inside cost; a bag's parts stand for the bag."""
    for child_name, child in part.named_children():
        path = f"{name}.{child_name}" if name else child_name
        if isinstance(child, nn.ModuleList | nn.ModuleDict):
            yield from _inside(path, child, measured)
        elif path in measured:
            yield measured[path]


def _resizes(module: nn.Module) -> bool:
    """Is it a layer that changes the shape without costing anything: pooling or flattening?"""
    return not list(module.children()) and ("Pool" in type(module).__name__ or isinstance(module, nn.Flatten))
