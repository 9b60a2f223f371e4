"""Batch normalisation in NumPy, written to be read: forward, backward, the running averages, and folding it away.

While training, each channel is shifted and scaled so that over the batch *and* all positions it has mean 0 and variance
1, then given a learned scale and shift (Ioffe and Szegedy 2015, "Batch normalization", algorithms 1 and 2, section 3.2
for convolutions). In evaluation the averages kept during training take the place of the batch's own, and the layer is
one multiplication and one addition a channel, which `fold` moves into the convolution before it.

x: (N, C, H, W). scale, shift, mean, variance: (C,). No function changes its arguments. Bad arguments raise
`ValueError` with the expected and the actual shape. All equal `torch.nn.functional.batch_norm` and its gradients.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

AXES = (0, 2, 3)
"""What is averaged over: pictures, rows and columns. Channels are left."""

EPSILON = 1e-5
"""Added to the variance, so that a constant channel is not divided by zero."""


class Normalised(NamedTuple):
    """What batch normalisation answers, and what it measured: values (N, C, H, W), mean (C,), variance (C,)."""

    values: np.ndarray
    mean: np.ndarray
    variance: np.ndarray


class Gradients(NamedTuple):
    """Slopes of the loss: inputs (N, C, H, W), scale (C,), shift (C,)."""

    inputs: np.ndarray
    scale: np.ndarray
    shift: np.ndarray


def _channels(x: np.ndarray, **vectors: np.ndarray) -> tuple[np.ndarray, ...]:
    """x and the vectors as floats, the vectors ready to broadcast: (1, C, 1, 1)."""
    x = np.asarray(x)
    if x.ndim != 4:
        raise ValueError(f"x must be (N, C, H, W), got shape {x.shape}")
    x = x if np.issubdtype(x.dtype, np.floating) else x.astype(float)
    found = [x]
    for name, vector in vectors.items():
        vector = np.asarray(vector, dtype=x.dtype)
        if vector.shape != (x.shape[1],):
            raise ValueError(f"{name} must have shape ({x.shape[1]},), one number a channel, got {vector.shape}")
        found.append(vector[None, :, None, None])
    return tuple(found)


def batch_norm(x: np.ndarray, scale: np.ndarray, shift: np.ndarray, epsilon: float = EPSILON) -> Normalised:
    """What the layer answers while training: scale (x - mean) / sqrt(variance + epsilon) + shift.

    mean, variance: of each channel over N, H and W; the variance divides by their number, not by one less.
    Raises ValueError for shapes that don't fit, and for a single number a channel, whose variance says nothing.
    """
    x, scale, shift = _channels(x, scale=scale, shift=shift)
    if x.size <= x.shape[1]:
        raise ValueError(f"expected more than one number a channel, got shape {x.shape}")
    mean, variance = x.mean(AXES, keepdims=True), x.var(AXES, keepdims=True)
    values = scale * (x - mean) / np.sqrt(variance + epsilon) + shift
    return Normalised(values, mean.ravel(), variance.ravel())


def batch_norm_backward(slopes: np.ndarray, x: np.ndarray, scale: np.ndarray, epsilon: float = EPSILON) -> Gradients:
    """Slopes of the loss at x, scale and shift, from those at the layer's answers: slopes (N, C, H, W).

    Raises ValueError as `batch_norm`, and if slopes and x differ in shape.
    """
    (x, scale_) = _channels(x, scale=scale)
    slopes = np.asarray(slopes, dtype=x.dtype)
    if slopes.shape != x.shape:
        raise ValueError(f"slopes must have the shape of x, {x.shape}, got {slopes.shape}")
    plain, _, variance = batch_norm(x, np.ones(x.shape[1]), np.zeros(x.shape[1]), epsilon)
    along = (slopes * plain).mean(AXES, keepdims=True)
    rest = slopes - slopes.mean(AXES, keepdims=True) - plain * along
    inputs = scale_ * rest / np.sqrt(variance[None, :, None, None] + epsilon)
    return Gradients(inputs, (slopes * plain).sum(AXES), slopes.sum(AXES))


def running(old: np.ndarray, new: np.ndarray, momentum: float = 0.1) -> np.ndarray:
    """The average kept for evaluation, after one more batch: (1 - momentum) old + momentum new, (C,).

    For a variance, PyTorch puts in the *sample* variance, n / (n - 1) times the one that `batch_norm` divides by.
    """
    return (1 - momentum) * np.asarray(old) + momentum * np.asarray(new)


def batch_norm_evaluation(
    x: np.ndarray,
    scale: np.ndarray,
    shift: np.ndarray,
    mean: np.ndarray,
    variance: np.ndarray,
    epsilon: float = EPSILON,
) -> np.ndarray:
    """What the layer answers in evaluation, with kept averages: each picture by itself, (N, C, H, W).

    Raises ValueError for shapes that don't fit.
    """
    x, scale, shift, mean, variance = _channels(x, scale=scale, shift=shift, mean=mean, variance=variance)
    return scale * (x - mean) / np.sqrt(variance + epsilon) + shift


def fold(
    weight: np.ndarray,
    bias: np.ndarray | None,
    scale: np.ndarray,
    shift: np.ndarray,
    mean: np.ndarray,
    variance: np.ndarray,
    epsilon: float = EPSILON,
) -> tuple[np.ndarray, np.ndarray]:
    """Weight and bias of the one convolution that does what a convolution and its normalisation do in evaluation.

    weight: (C_out, C_in / G, K_h, K_w). bias: (C_out,) or None. The others: (C_out,). Raises ValueError otherwise.
    """
    weight = np.asarray(weight)
    old = np.zeros(len(weight)) if bias is None else np.asarray(bias)
    for name, vector in {"bias": old, "scale": scale, "shift": shift, "mean": mean, "variance": variance}.items():
        if np.shape(vector) != (len(weight),):
            raise ValueError(f"{name} must have shape ({len(weight)},), one number a filter, got {np.shape(vector)}")
    factor = np.asarray(scale) / np.sqrt(np.asarray(variance) + epsilon)
    return weight * factor[:, None, None, None], (old - mean) * factor + shift
