"""The stored experiment on maps of evidence: whole, in order, and the same when a part of it is run again."""

import numpy as np
import pytest
import torch

from kernelbook import attribution, checkpoints
from kernelbook.experiments import localisation


@pytest.fixture(scope="module")
def stored():
    return localisation.results()


def test_every_network_was_asked_everything(stored):
    assert [row["seed"] for row in stored["networks"]] == list(localisation.SEEDS)
    for row in stored["networks"]:
        for kind in ("mass", "mass, random weights"):
            assert list(row[kind]) == list(localisation.METHODS)
            assert all(list(by) == list(localisation.PLACED) for by in row[kind].values())
            assert all(0 <= share <= 1 for by in row[kind].values() for share in by.values())
        assert all(len(values) == 6 and values[0] == 1 for values in row["cascade"].values())
        assert row["accuracy"] > 0.9


def test_a_part_run_again_gives_what_is_stored(stored):
    model = checkpoints.load("wafer_cnn").double()
    for name in ("saliency", "guided backprop", "Grad-CAM"):
        again = localisation.mass(model, {name: localisation.METHODS[name]}, stored["stored"]["wafers"])
        assert again[name] == pytest.approx(stored["stored"]["wafer_cnn"][name], abs=1e-3)


def test_maps_without_a_network_are_run_again(stored):
    for name, by in localisation.without_network().items():
        assert by == pytest.approx(stored["without network"][name], abs=1e-4)


def test_places_are_where_dies_fail():
    for name, (x, places) in localisation.placed(20).items():
        failed = x[:, 0] == 1
        assert failed[places].double().mean() > 0.4, name
        outside = localisation.DISC & ~places
        assert failed[outside].double().mean() < 0.3, name


def test_two_faults_on_one_wafer_keep_the_failures_of_both():
    x, here, there = localisation.both("scratch", "edge-ring", 5)
    assert not (here & there).any()
    for place in (here, there):
        assert (x[:, 0] == 1)[place].double().mean() > 0.4


def test_a_map_that_ignores_the_class_gives_the_same_share_twice():
    model = checkpoints.load("wafer_cnn").double()
    found = localisation.asked(model, {"dies": lambda m, x, target: x[:, 0]}, 4)["dies"]
    assert found[0] == found[1]
    perfect = {"truth": _truth()}
    assert localisation.asked(model, perfect, 4)["truth"] == [1, 0]


def _truth():
    """A method that knows the answer: the place of the fault it is asked for."""
    known = {}
    for one, other in localisation.PAIRS:
        x, here, there = localisation.both(one, other, 4)
        known[x.numpy().tobytes(), localisation.CLASSES.index(one)] = here.double()
        known[x.numpy().tobytes(), localisation.CLASSES.index(other)] = there.double()
    return lambda m, x, target: known[x.numpy().tobytes(), target]


def test_a_cascade_starts_at_one_and_a_map_that_no_weight_touches_stays_there():
    model = checkpoints.load("wafer_cnn").double()
    random = np.random.default_rng(0)
    fixed = torch.from_numpy(random.random((2, 32, 32)))
    found = localisation.cascade(model, 0, {"fixed": lambda m, x, t: fixed, "saliency": attribution.saliency}, 2)
    assert found["fixed"] == [1] * 6
    assert found["saliency"][0] == 1 > found["saliency"][5]
