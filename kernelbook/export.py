"""A trained network as an ONNX file, in whole numbers of 8 bits, and run without PyTorch.

`to_onnx` writes the file; `to_int8` rounds its weights and activations; `scores` runs either in ONNX Runtime;
`quantise` is the rounding itself, in NumPy, for any number of bits. Files are the caller's: nothing is written unless
a path says where. ONNX and its runtime are imported by the functions that need them.
"""

from __future__ import annotations

import contextlib
import io
import logging
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import nn

INPUT, OUTPUT = "pictures", "scores"
"""What the exported network calls what it reads and what it says."""


class Quantised(NamedTuple):
    """Whole numbers and their scales: values is `whole * scale`. whole: the shape of what was rounded, int64."""

    whole: np.ndarray
    scale: np.ndarray

    @property
    def values(self) -> np.ndarray:
        """What the whole numbers stand for."""
        return self.whole * self.scale


def quantise(values: np.ndarray, bits: int = 8, axis: int | None = None) -> Quantised:
    """Round to multiples of one scale, symmetric about 0: whole numbers of -(2^(bits-1) - 1) to 2^(bits-1) - 1.

    axis: give each index of this axis a scale of its own, for a weight usually axis 0, its filters. The scale is the
    largest magnitude divided by the largest whole number, and 1 where all values are 0.
    Raises ValueError for fewer than 2 bits or more than 16. Source: Nagel et al. 2021, section 2.2.
    """
    if not 2 <= bits <= 16:
        raise ValueError(f"bits must be 2 to 16, got {bits}")
    values = np.asarray(values, float)
    most = 2 ** (bits - 1) - 1
    others = tuple(a for a in range(values.ndim) if axis is None or a != axis % values.ndim)
    largest = np.abs(values).max(axis=others, keepdims=True)
    scale = np.where(largest == 0, 1.0, largest / most)
    return Quantised(np.clip(np.round(values / scale), -most, most).astype(np.int64), scale)


def with_rounded_weights(model: nn.Module, bits: int, per_filter: bool = True) -> nn.Module:
    """`model` itself with every weight of two or more axes rounded by `quantise`; biases stay as they are."""
    with torch.no_grad():
        for weight in model.parameters():
            if weight.ndim > 1:
                rounded = quantise(weight.detach().cpu().numpy(), bits, 0 if per_filter else None).values
                weight.copy_(torch.as_tensor(rounded, dtype=weight.dtype))
    return model


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Without the exporter's progress, hints and warnings; errors come through."""
    logger = logging.getLogger()
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings(action="ignore"), contextlib.redirect_stdout(io.StringIO()):
            yield
    finally:
        logger.setLevel(level)


def to_onnx(model: nn.Module, pictures: torch.Tensor, path: str | Path) -> Path:
    """Write `model`, in evaluation mode, to one ONNX file that reads any number of pictures. Returns the path.

    pictures: (N, C, H, W) of the size and type that the network will be given; their values don't matter. Weights are
    inside the file. The model's own mode is left as it was.
    """
    path, training = Path(path), model.training
    two = pictures[:1].repeat(2, 1, 1, 1)  # one would be taken for a size that never changes
    try:
        with _quiet():
            torch.onnx.export(
                model.eval(),
                (two,),
                str(path),
                input_names=[INPUT],
                output_names=[OUTPUT],
                dynamic_shapes=({0: torch.export.Dim("N")},),
                dynamo=True,
                external_data=False,
                verbose=False,
            )
    finally:
        model.train(training)
    _strip(path)
    return path


def _strip(path: Path) -> None:
    """Take out of an ONNX file what the exporter notes about this machine: the lines of code that each node came from.

    What is left is the network, and the same bytes wherever it is exported.
    """
    import onnx

    whole = onnx.load(str(path))
    del whole.metadata_props[:]
    del whole.graph.metadata_props[:]
    for part in (*whole.graph.node, *whole.graph.initializer, *whole.graph.value_info):
        part.doc_string = ""
        del part.metadata_props[:]
    for end in (*whole.graph.input, *whole.graph.output):
        del end.metadata_props[:]
    onnx.save(whole, str(path))


def to_int8(source: str | Path, pictures: Any, path: str | Path) -> Path:
    """Write the ONNX file `source` again with 8-bit weights and activations. Returns the new path.

    pictures: (N, C, H, W) float32 on which the network's activations are watched, to learn their ranges; a few hundred
    training pictures do. Weights get a scale for each filter. Post-training static quantisation: nothing is trained.
    """
    from onnxruntime import quantization
    from onnxruntime.quantization import CalibrationDataReader

    class Pictures(CalibrationDataReader):
        def __init__(self) -> None:
            self.batches = iter(np.array_split(np.asarray(pictures, np.float32), max(1, len(pictures) // 50)))

        def get_next(self) -> dict[str, np.ndarray] | None:
            batch = next(self.batches, None)
            return None if batch is None else {INPUT: batch}

    with _quiet(), tempfile.TemporaryDirectory() as folder:
        prepared = Path(folder) / "prepared.onnx"
        quantization.quant_pre_process(str(source), str(prepared))
        quantization.quantize_static(
            str(prepared),
            str(path),
            Pictures(),
            per_channel=True,
            activation_type=quantization.QuantType.QUInt8,
            weight_type=quantization.QuantType.QInt8,
        )
    _strip(Path(path))
    return Path(path)


def session(path: str | Path) -> Any:
    """An ONNX Runtime session on one thread of the CPU."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def scores(path: str | Path, pictures: Any, batch_size: int = 250) -> np.ndarray:
    """What the network in an ONNX file says of pictures (N, C, H, W): (N, classes) float32."""
    run, pictures = session(path).run, np.asarray(pictures, np.float32)
    parts = [pictures[i : i + batch_size] for i in range(0, len(pictures), batch_size)]
    return np.concatenate([run([OUTPUT], {INPUT: part})[0] for part in parts])


def stored_bytes(path: str | Path) -> dict[str, int]:
    """Where the bytes of an ONNX file are: "weights", the numbers themselves, and "rest", names and the graph."""
    import onnx

    whole = Path(path).stat().st_size
    numbers = sum(len(tensor.raw_data) or tensor.ByteSize() for tensor in onnx.load(str(path)).graph.initializer)
    return {"weights": numbers, "rest": whole - numbers}


def times(runs: Mapping[str, Callable[[], Any]], repeats: int = 15) -> dict[str, float]:
    """Processor seconds of each of `runs`, the least of `repeats`, taken in turns so that all see the same machine."""
    best = dict.fromkeys(runs, float("inf"))
    for _ in range(repeats):
        for name, run in runs.items():
            start = time.process_time()
            run()
            best[name] = min(best[name], time.process_time() - start)
    return best
