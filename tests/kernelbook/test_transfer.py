"""The transfer experiment: a small part of its committed results comes out again, and freezing freezes."""

import json

import pytest
import torch

from kernelbook import checkpoints
from kernelbook.checkpoints import other_wafer_cnn, texture_cnn
from kernelbook.experiments import transfer


def committed():
    return json.loads(transfer.RESULTS.read_text())


@pytest.mark.slow
@pytest.mark.parametrize(("way", "labels"), [("frozen", 5), ("frozen", 100), ("last", 20), ("scratch", 5)])
def test_a_part_of_the_results_is_reproduced(way, labels):
    torch.set_num_threads(1)
    for case in committed()["results"]:
        if (case["way"], case["labels"]) != (way, labels):
            continue
        again = transfer.run(case["source"], way, labels, 0, case["rate"], transfer.unseen())
        # Another processor may sum in another order, and training magnifies that: two points of leeway.
        assert again == pytest.approx(case["accuracies"][0], abs=0.02), case


@pytest.mark.parametrize("way", transfer.WAYS)
def test_only_what_the_way_trains_changes(way, monkeypatch):
    monkeypatch.setattr(transfer, "STEPS", 3)
    made = []
    real = transfer.network
    monkeypatch.setattr(transfer, "network", lambda *a: made.append(real(*a)) or made[-1])
    test = transfer.unseen()
    transfer.run("texture_cnn", way, 5, 0, 1e-2, (test[0][:50], test[1][:50]))
    ((model, trained),) = made
    source = checkpoints.load("texture_cnn")
    kept = transfer.FROZEN[way]
    for index, (mine, theirs) in enumerate(zip(model.stages, source.stages, strict=True)):
        same = all(
            torch.equal(a, b) for a, b in zip(mine.state_dict().values(), theirs.state_dict().values(), strict=True)
        )
        assert same == (index < kept), "frozen stages keep weights and running statistics"
    assert sum(p.numel() for m in trained for p in m.parameters()) == committed()["trainable"][way]


def test_rates_fall_by_thirds_towards_the_input():
    _, trained = transfer.network("rates", "texture_cnn")
    rates = [group["lr"] for group in transfer.groups("rates", trained, 0.81)]
    assert rates == pytest.approx([0.01, 0.03, 0.09, 0.27, 0.81])
    assert {group["lr"] for group in transfer.groups("all", trained, 0.81)} == {0.81}


def test_training_wafers_are_balanced_nested_and_not_test_wafers():
    x, y = transfer.target(10, 3)
    assert torch.bincount(y).tolist() == [10] * 9
    fewer, _ = transfer.target(5, 3)
    assert torch.equal(x.reshape(9, 10, -1)[:, :5], fewer.reshape(9, 5, -1))
    test = {image.numpy().tobytes() for image in transfer.unseen()[0]}
    assert not test & {image.numpy().tobytes() for image in x}


@pytest.mark.slow
@pytest.mark.parametrize(("name", "module"), [("texture_cnn", texture_cnn), ("other_wafer_cnn", other_wafer_cnn)])
def test_the_sources_are_as_good_as_their_records_say(name, module):
    stored = checkpoints.record(name)["test_accuracy"]
    assert module.accuracy(checkpoints.load(name)) == pytest.approx(stored, abs=0.002)
