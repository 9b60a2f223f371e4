"""Small trained networks that come with the book: `load("wafer_cnn")` gives one, ready to use.

Each network has a module here with its architecture and its training (`python -m kernelbook.checkpoints.wafer_cnn`) and
a JSON file with its weights and what was measured. Weights are rounded before they are stored, and the rounded values
are the network: matrices to whole numbers of -127 to 127 times one scale an output channel, vectors to half precision.
Both are exact in float32, so that PyTorch, NumPy and the page of the book work with the very same numbers.

`record` and `unpack` need NumPy alone, so that a lab does not wait for PyTorch.
"""

from __future__ import annotations

import base64
import importlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import torch
    from torch import nn

NAMES = ("wafer_cnn", "wafer_vit", "texture_cnn", "other_wafer_cnn")
_HERE = Path(__file__).parent


def record(name: str) -> dict[str, Any]:
    """What the file of a network says: its weights (`tensors`, `data`) and what its script measured.

    Raises ValueError for a name that is not in NAMES.
    """
    if name not in NAMES:
        raise ValueError(f"unknown network {name!r}: choose from {', '.join(NAMES)}")
    return json.loads((_HERE / f"{name}.json").read_text())


def load(name: str) -> nn.Module:
    """The network `name` with its stored weights, float32, in evaluation mode.

    Raises ValueError for a name that is not in NAMES.
    """
    packed = record(name)
    model = importlib.import_module(f"kernelbook.checkpoints.{name}").build()
    return _fill(model, packed).eval()


def pack(weights: Mapping[str, torch.Tensor]) -> dict[str, Any]:
    """Round tensors and write them as text; whole-number tensors (batch normalisation's counter) are left out.

    Returns `tensors`, the shapes by name, and `data`, base64 of the tensors in that order: for a tensor of two or more
    axes one float16 scale for each index of its first axis and then its int8 numbers, else its float16 numbers.
    """
    blob, shapes = b"", {}
    for name, tensor in weights.items():
        if not tensor.is_floating_point():
            continue
        values = tensor.detach().double().numpy()
        shapes[name] = list(values.shape)
        if values.ndim < 2:
            blob += values.astype("<f2").tobytes()
            continue
        rows = values.reshape(len(values), -1)
        scales = (np.abs(rows).max(axis=1) / 127).astype("<f2")
        safe = np.where(scales == 0, 1, scales).astype(float)
        blob += scales.tobytes() + np.clip(np.round(rows / safe[:, None]), -127, 127).astype(np.int8).tobytes()
    return {"tensors": shapes, "data": base64.b64encode(blob).decode()}


def unpack(packed: Mapping[str, Any]) -> dict[str, np.ndarray]:
    """The tensors of :func:`pack` by name, float32.

    Raises ValueError if the data are longer or shorter than the shapes say.
    """
    blob, at = base64.b64decode(packed["data"]), 0
    tensors = {}

    def take(kind: str, count: int) -> np.ndarray:
        nonlocal at
        dtype = np.dtype(kind)
        if at + count * dtype.itemsize > len(blob):
            raise ValueError(f"the weights end after {len(blob)} bytes, within {name}")
        part = np.frombuffer(blob, dtype, count, at).astype(np.float32)
        at += count * dtype.itemsize
        return part

    for name, shape in packed["tensors"].items():
        size = int(np.prod(shape))
        if len(shape) < 2:
            tensors[name] = take("<f2", size)
        else:
            scales = take("<f2", shape[0])
            tensors[name] = (take("i1", size).reshape(shape[0], -1) * scales[:, None]).reshape(shape)
    if at != len(blob):
        raise ValueError(f"the weights have {len(blob)} bytes, but their shapes ask for {at}")
    return tensors


def save(name: str, model: nn.Module, **measured: Any) -> None:
    """Write the rounded weights of `model`, with what was measured, as the network `name`."""
    text = json.dumps({**measured, **pack(model.state_dict())}, indent=1)
    (_HERE / f"{name}.json").write_text(text + "\n")


def rounded(model: nn.Module) -> nn.Module:
    """`model` itself with its weights rounded as :func:`save` will round them: what is measured is what is stored."""
    return _fill(model, pack(model.state_dict()))


def _fill(model: nn.Module, packed: Mapping[str, Any]) -> nn.Module:
    """`model` with the packed weights; counters, which are not packed, stay as they are."""
    import torch

    model.load_state_dict({**model.state_dict(), **{key: torch.tensor(v) for key, v in unpack(packed).items()}})
    return model
