"""Confusion, calibration and temperature equal scikit-learn's and PyTorch's."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.calibration import calibration_curve
from sklearn.metrics import confusion_matrix

from kernelbook import metrics

CASES = settings(max_examples=80, deadline=None, derandomize=True)


@st.composite
def answers(draw):
    """Scores (N, classes) and labels (N,), sure or not."""
    number, classes = draw(st.integers(1, 60)), draw(st.integers(2, 9))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    scores = draw(st.sampled_from([0.3, 2.0, 300.0])) * rng.standard_normal((number, classes))
    return scores, rng.integers(classes, size=number)


@CASES
@given(answers())
def test_softmax_and_cross_entropy_equal_pytorch(case):
    scores, labels = case
    assert metrics.softmax(scores) == pytest.approx(torch.tensor(scores).softmax(1).numpy(), rel=1e-10, abs=1e-300)
    theirs = F.cross_entropy(torch.tensor(scores), torch.tensor(labels)).item()
    assert metrics.cross_entropy(scores, labels) == pytest.approx(theirs)


@CASES
@given(answers())
def test_the_confusion_matrix_is_scikit_learns(case):
    scores, labels = case
    predicted, classes = scores.argmax(1), scores.shape[1]
    ours = metrics.confusion_matrix(labels, predicted, classes)
    assert (ours == confusion_matrix(labels, predicted, labels=range(classes))).all()
    assert ours.trace() == (labels == predicted).sum()


@CASES
@given(answers(), st.integers(1, 15))
def test_reliability_is_scikit_learns_and_its_error_the_mean_gap(case, bins):
    scores, labels = case
    probabilities = metrics.softmax(scores)
    sure, right = probabilities.max(1), probabilities.argmax(1) == labels
    edges = np.linspace(0, 1, bins + 1)
    if np.isclose(sure[:, None], edges[1:-1], atol=1e-9).any():
        return  # on a border, where the two libraries differ
    found = metrics.reliability(probabilities, labels, bins)
    used = found.number > 0
    accuracy, confidence = calibration_curve(right, sure, n_bins=bins)
    assert found.accuracy[used] == pytest.approx(accuracy)
    assert found.confidence[used] == pytest.approx(confidence)
    gaps = np.repeat(abs(accuracy - confidence), found.number[used])
    assert metrics.expected_calibration_error(probabilities, labels, bins) == pytest.approx(gaps.mean())


def test_a_confidence_on_the_border_belongs_below():
    assert metrics.reliability([[0.5, 0.5], [1.0, 0.0]], [0, 0], bins=2).number.tolist() == [1, 1]


def test_the_error_of_one_who_is_sure_and_half_right():
    assert metrics.expected_calibration_error([[0.9, 0.1]] * 4, [0, 0, 1, 1]) == pytest.approx(0.4)
    assert metrics.expected_calibration_error([[0.75, 0.25]] * 4, [0, 0, 0, 1]) == pytest.approx(0)


@pytest.mark.parametrize("truth", [0.5, 1.0, 3.0])
def test_the_temperature_is_found_and_is_pytorchs_minimum(truth):
    rng = np.random.default_rng(0)
    scores = 2 * rng.standard_normal((3000, 4))
    labels = (metrics.softmax(scores).cumsum(1) > rng.random((3000, 1))).argmax(1)  # drawn from these chances
    found = metrics.temperature(truth * scores, labels)
    assert found == pytest.approx(truth, rel=0.06)
    power = torch.tensor(1 / found, dtype=torch.float64, requires_grad=True)
    F.cross_entropy(power * torch.tensor(truth * scores), torch.tensor(labels)).backward()
    assert abs(power.grad.item()) < 1e-9


def test_bad_arguments_are_named():
    with pytest.raises(ValueError, match=r"as many predictions as labels, got \(2,\) and \(3,\)"):
        metrics.confusion_matrix([0, 1], [0, 1, 1], 2)
    with pytest.raises(ValueError, match="labels 0 to 1, got 0 to 2"):
        metrics.confusion_matrix([0, 1], [0, 2], 2)
    with pytest.raises(ValueError, match=r"expected \(N, classes\) and \(N,\), got \(2,\) and \(2,\)"):
        metrics.reliability([0.5, 0.5], [0, 1])
