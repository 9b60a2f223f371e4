"""The experiment on overfitting: its network, its maps, and a small part of its committed results."""

import json

import numpy as np
import pytest
import torch
from torch import nn

from kernelbook.experiments import overfitting
from kernelbook.models.classifier import CHANNELS, HEADS, Jolted, classifier


@pytest.mark.parametrize("head", HEADS)
@pytest.mark.parametrize("norm", [None, nn.BatchNorm2d, Jolted])
def test_every_classifier_scores_nine_classes(head, norm):
    model = classifier(head, norm).eval()
    assert model(torch.zeros(3, 1, 32, 32).double()).shape == (3, 9)
    convs = [m for m in model if isinstance(m, nn.Conv2d)]
    assert tuple(m.out_channels for m in convs) == CHANNELS
    assert all((m.bias is None) == (norm is not None) for m in convs), "a bias before normalisation is of no use"


def test_only_the_mean_reads_other_sizes():
    other = torch.zeros(1, 1, 40, 25).double()
    assert classifier("mean").eval()(other).shape == (1, 9)
    with pytest.raises(RuntimeError):
        classifier("linear").eval()(other)
    with pytest.raises(ValueError, match="unknown head 'gap'"):
        classifier("gap")


def test_a_jolt_moves_the_channels_while_training_and_only_then():
    torch.manual_seed(0)
    x, layer = torch.randn(8, 3, 5, 5), Jolted(3)
    means = layer(x).mean((0, 2, 3))
    assert means.abs().max() > 0.1
    assert not torch.allclose(layer(x).mean((0, 2, 3)), means)
    plain = nn.BatchNorm2d(3)
    plain.load_state_dict(layer.norm.state_dict())
    assert torch.equal(layer.eval()(x), plain.eval()(x))


def test_training_maps_are_balanced_nested_and_not_test_maps():
    x, y = overfitting.labelled(10, 3)
    assert torch.bincount(y).tolist() == [10] * 9
    fewer, _ = overfitting.labelled(5, 3)
    assert torch.equal(x.reshape(9, 10, -1)[:, :5], fewer.reshape(9, 5, -1))
    assert x.unique().tolist() == [-1, 0, 1]
    test = {one.numpy().tobytes() for one in overfitting.unseen()[0]}
    assert not {one.numpy().tobytes() for one in x} & test


def test_every_run_is_there_once():
    committed = json.loads(overfitting.RESULTS.read_text())
    assert set(committed) == set(overfitting.TABLES)
    runs = [(row["cure"], row["seed"]) for row in committed["cures"]]
    assert sorted(runs) == sorted((cure, seed) for cure in overfitting.CURES for seed in overfitting.SEEDS)
    assert all(0 <= row[key] <= 1 for row in committed["cures"] for key in ("train", "test", "calibration"))


@pytest.mark.slow
def test_a_part_of_the_results_is_reproduced():
    torch.set_num_threads(1)
    model, _ = overfitting.cure("dropout", 0)
    (row,) = [r for r in overfitting.results("cures") if (r["cure"], r["seed"]) == ("dropout", 0)]
    again = overfitting.measured(model, overfitting.labelled(overfitting.LABELS, 0), overfitting.unseen())
    # Another processor may sum in another order, and training magnifies that: two points of leeway.
    assert again["test"] == pytest.approx(row["test"], abs=0.02)


def test_descent_without_a_rate_goes_nowhere():
    still = overfitting.descend("batch", 0.0, 0, epochs=1)
    assert np.isclose(still["agree"], 1)
