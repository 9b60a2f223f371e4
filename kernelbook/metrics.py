"""What a classifier gets wrong, and how sure it is: confusion, calibration, and a temperature that mends the latter.

scores: (N, classes), before any softmax. probabilities: (N, classes), rows add up to 1. labels, predicted: (N,) whole
numbers. NumPy throughout; a tensor on the CPU will do as well. Bad shapes raise `ValueError`.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np


class Bins(NamedTuple):
    """Answers sorted by how sure they are, one number a bin of confidence; empty bins hold NaN.

    number: how many answers. confidence: the mean of their highest probabilities. accuracy: the fraction right.
    """

    number: np.ndarray
    confidence: np.ndarray
    accuracy: np.ndarray


def softmax(scores: Any) -> np.ndarray:
    """Scores (..., classes) as probabilities: their exponentials, divided by the sum of these over the last axis."""
    scores = np.asarray(scores)
    powers = np.exp(scores - scores.max(-1, keepdims=True))  # the same quotient, and no overflow
    return powers / powers.sum(-1, keepdims=True)


def cross_entropy(scores: Any, labels: Any) -> float:
    """Mean over the pictures of -log of the probability that their own class got, in nats."""
    scores, labels = _scored(scores, labels)
    top = scores.max(1)
    logs = top + np.log(np.exp(scores - top[:, None]).sum(1))
    return float((logs - scores[np.arange(len(labels)), labels]).mean())


def _scored(scores: Any, labels: Any) -> tuple[np.ndarray, np.ndarray]:
    scores, labels = np.asarray(scores), np.asarray(labels)
    if scores.ndim != 2 or labels.shape != scores.shape[:1]:
        raise ValueError(f"expected (N, classes) and (N,), got {scores.shape} and {labels.shape}")
    return scores, labels


def confusion_matrix(labels: Any, predicted: Any, classes: int) -> np.ndarray:
    """How often class i (row) was called class j (column): (classes, classes) whole numbers.

    Raises ValueError where labels and predictions differ in number, or one is not 0 to classes - 1.
    """
    labels, predicted = np.asarray(labels), np.asarray(predicted)
    if labels.shape != predicted.shape or labels.ndim != 1:
        raise ValueError(f"expected as many predictions as labels, got {labels.shape} and {predicted.shape}")
    both = np.concatenate([labels, predicted])
    if both.size and not (both.min() >= 0 and both.max() < classes):
        raise ValueError(f"expected labels 0 to {classes - 1}, got {both.min()} to {both.max()}")
    return np.bincount(labels * classes + predicted, minlength=classes**2).reshape(classes, classes)


def reliability(probabilities: Any, labels: Any, bins: int = 10) -> Bins:
    """Sort answers by the probability of the class they name into `bins` equal parts of 0 to 1, and look at each.

    A confidence on the border of two bins belongs to the lower one, and 0 to the lowest. Raises ValueError for shapes.
    Source: Guo et al. 2017, "On calibration of modern neural networks", section 2.
    """
    probabilities, labels = _scored(probabilities, labels)
    sure, right = probabilities.max(1), probabilities.argmax(1) == labels
    place = np.clip(np.ceil(sure * bins).astype(int) - 1, 0, bins - 1)
    number = np.bincount(place, minlength=bins)
    with np.errstate(invalid="ignore"):
        confidence, accuracy = (np.bincount(place, values, bins) / number for values in (sure, right))
    return Bins(number, confidence, accuracy)


def expected_calibration_error(probabilities: Any, labels: Any, bins: int = 10) -> float:
    """Mean distance between confidence and accuracy over the bins of `reliability`, each counted by its answers.

    A fraction: 0 for a classifier that is right as often as it says. Source: Naeini et al. 2015; Guo et al. 2017.
    """
    found = reliability(probabilities, labels, bins)
    used = found.number > 0
    return float((found.number * abs(found.accuracy - found.confidence))[used].sum() / found.number.sum())


def temperature(scores: Any, labels: Any) -> float:
    """The one number T for which scores / T have the smallest cross-entropy; above 1 if the scores are too sure.

    Dividing all scores by T changes no decision. Found by bisecting the slope over log T between 1/100 and 100.
    Raises ValueError for shapes. Source: Guo et al. 2017, section 4.2.
    """
    scores, labels = _scored(scores, labels)
    own = scores[np.arange(len(labels)), labels]
    low, high = np.log(1e-2), np.log(1e2)
    for _ in range(60):
        middle = (low + high) / 2
        expected = (softmax(scores / np.exp(middle)) * scores).sum(1)
        # The slope of the loss in 1/T is the mean of (expected score - own score): positive where T should grow.
        low, high = (middle, high) if (expected - own).mean() > 0 else (low, middle)
    return float(np.exp((low + high) / 2))
