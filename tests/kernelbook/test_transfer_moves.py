"""The moves of transfer learning: what is frozen stays, what is trained moves; ResNet-50 is adapted without weights."""

import json

import pytest
import torch
from torch import nn
from torchvision.models import ResNet50_Weights
from torchvision.models import resnet50 as torchvision_resnet50

from kernelbook import checkpoints, training, transfer
from kernelbook.experiments import transfer as experiment
from kernelbook.experiments import transfer_why


def small() -> nn.Sequential:
    return nn.Sequential(
        nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.Dropout(0.5)),
        nn.Sequential(nn.Conv2d(2, 3, 3), nn.BatchNorm2d(3)),
        nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(3, 2)),
    )


def copy(module: nn.Module) -> dict[str, torch.Tensor]:
    return {name: tensor.clone() for name, tensor in module.state_dict().items()}


def same(module: nn.Module, before: dict[str, torch.Tensor]) -> bool:
    return all(torch.equal(tensor, before[name]) for name, tensor in module.state_dict().items())


def step(model: nn.Module, parameters: list) -> None:
    optimiser = torch.optim.Adam(parameters, lr=0.1)
    model(torch.randn(4, 1, 7, 9)).square().sum().backward()
    optimiser.step()


def test_what_is_frozen_survives_training_steps_and_the_rest_moves():
    model = small()
    before = [copy(part) for part in model]
    transfer.freeze(model[0])
    for _ in range(2):
        transfer.train_around(model)
        step(model, transfer.groups(list(model), 0.1))
    assert same(model[0], before[0]), "weights and running statistics"
    assert not same(model[1], before[1])
    assert not torch.equal(model[1][1].running_mean, before[1]["1.running_mean"])
    assert not same(model[2], before[2])


def test_requires_grad_alone_does_not_keep_the_running_statistics():
    model = small()
    before = copy(model[0])
    model[0].requires_grad_(False)
    model.train()
    step(model, transfer.groups(list(model), 0.1))
    assert torch.equal(model[0][0].weight, before["0.weight"])
    assert not torch.equal(model[0][1].running_mean, before["1.running_mean"])


def test_train_around_keeps_dropout_in_training_and_norms_without_weights():
    model = nn.Sequential(small(), nn.BatchNorm2d(1, affine=False))
    transfer.freeze(model[0][0])
    transfer.train_around(model)
    assert not model[0][0][1].training
    assert model[0][0][2].training
    assert model[0][1][1].training
    assert model[1].training


def test_rates_fall_towards_the_input_and_frozen_parameters_get_none():
    model = small()
    transfer.freeze(model[0])
    found = transfer.groups(list(model), 0.9, shrink=3)
    assert [group["lr"] for group in found] == pytest.approx([0.3, 0.9])
    assert sum(p.numel() for group in found for p in group["params"]) == transfer.count(model)[0]
    assert transfer.count(model) == (2 * 3 * 9 + 3 + 6 + 8, 2 * 9 + 2 + 4 + 2 * 3 * 9 + 3 + 6 + 8)
    for wrong in ((0, 3), (0.1, 0)):
        with pytest.raises(ValueError, match="positive"):
            transfer.groups(list(model), *wrong)


def test_resnet50_is_torchvisions_with_another_head():
    with torch.device("meta"):
        mine, theirs = transfer.resnet50(pretrained=False, classes=5), torchvision_resnet50(num_classes=5)
        whole = transfer.resnet50(pretrained=False)
    shapes = {name: tensor.shape for name, tensor in mine.state_dict().items()}
    assert shapes == {name: tensor.shape for name, tensor in theirs.state_dict().items()}
    assert whole.fc.out_features == 1000


def test_without_weights_the_answer_is_one_sentence(monkeypatch):
    def refuse(**_):
        raise OSError("no network")

    monkeypatch.setattr(transfer.torchvision.models, "resnet50", refuse)
    with pytest.raises(transfer.WeightsUnavailable, match="pretrained=False") as caught:
        transfer.resnet50(pretrained=True, classes=5)
    assert caught.value._render_traceback_() == [f"WeightsUnavailable: {caught.value}"]
    assert "\n" not in str(caught.value)


def test_with_weights_their_head_goes_and_the_rest_stays(monkeypatch):
    asked = []

    def fake(weights):
        asked.append(weights)
        return torchvision_resnet50()

    monkeypatch.setattr(transfer.torchvision.models, "resnet50", fake)
    model = transfer.resnet50(pretrained=True, classes=5)
    assert asked == [ResNet50_Weights.IMAGENET1K_V2]
    assert model.fc.weight.shape == (5, 2048)


def test_maps_become_what_torchvisions_preset_makes_of_photographs():
    maps = torch.rand(2, 1, 6, 8)
    found = transfer.as_photographs(maps, 24)
    preset = ResNet50_Weights.IMAGENET1K_V2.transforms()
    assert (tuple(preset.mean), tuple(preset.std)) == (transfer.IMAGENET_MEAN, transfer.IMAGENET_STD)
    assert found.shape == (2, 3, 24, 24)
    for channel in range(3):
        expected = (maps[:, 0] - preset.mean[channel]) / preset.std[channel]
        assert torch.allclose(found[:, channel, ::4, ::3], expected, atol=1e-6)
        assert torch.allclose(found[:, channel, 3::4, 2::3], expected, atol=1e-6)
    with pytest.raises(ValueError, match=r"\(2, 3, 6, 8\)"):
        transfer.as_photographs(maps.expand(-1, 3, -1, -1), 24)


# The experiment on causes


def committed(**wanted):
    results = json.loads(transfer_why.RESULTS.read_text())["results"]
    return [case for case in results if all(case.get(key) == value for key, value in wanted.items())]


def test_every_case_was_measured_for_every_seed():
    names = [
        {**name, **({} if how["source"] == experiment.SOURCES[1] else {"source_network": how["source"]})}
        for name, how in transfer_why.cases()
    ]
    for name in names:
        found = [case for case in committed(**name) if len(case["target"]) == len(experiment.SEEDS)]
        assert found, name
    assert len(committed()) == len(names)


@pytest.mark.parametrize(("carried", "trained"), [(2, (2, 3)), (4, (1,)), (4, ())])
def test_only_the_chosen_stages_change(carried, trained, monkeypatch):
    made = []
    monkeypatch.setattr(transfer_why, "evaluate", lambda model, *_: (0.0, made.append(model) or 0.0))
    how = {"stage_rate": 0.01, "head_rate": 0.01, "labels": 5, "steps": 2, "carried": carried, "trained": trained}
    transfer_why.run("texture_cnn", 0, test=experiment.unseen(), **how)
    source = checkpoints.load("texture_cnn")
    unchanged = [same(mine, theirs.state_dict()) for mine, theirs in zip(made[0].stages, source.stages, strict=True)]
    assert unchanged == [i not in trained for i in range(4)]


@pytest.mark.parametrize(("trained", "way"), [((0, 1, 2, 3), "all"), ((), "frozen")])
def test_it_is_the_same_experiment_as_the_first(trained, way, monkeypatch):
    """The same steps on the same wafers, through both scripts."""
    monkeypatch.setattr(experiment, "STEPS", 12)
    test = tuple(part[:300] for part in experiment.unseen())
    how = {"stage_rate": 0.02, "head_rate": 0.02, "labels": 5, "steps": 12, "trained": trained}
    other = transfer_why.run("other_wafer_cnn", 0, test=test, **how)
    assert other["target"] == pytest.approx(experiment.run("other_wafer_cnn", way, 5, 0, 0.02, test), abs=0.007)


def test_the_old_head_is_put_back_and_taken_out_again():
    model, kept = (checkpoints.load("other_wafer_cnn") for _ in range(2))
    model.head = nn.Linear(32, 9)
    mine, old = model.head, tuple(part[:90] for part in transfer_why.old_task("other_wafer_cnn"))
    assert transfer_why.recall(model, kept, old) > 0.85
    assert model.head is mine


def test_the_head_is_alone_at_first():
    test = tuple(part[:20] for part in experiment.unseen())
    old = tuple(part[:90] for part in transfer_why.old_task("other_wafer_cnn"))
    how = {"stage_rate": 0.1, "head_rate": 0.02, "test": test, "old": old, "labels": 5, "early": (2, 6)}
    found = transfer_why.run("other_wafer_cnn", 0, steps=8, head_first=4, **how)
    whole = training.evaluate(checkpoints.load("other_wafer_cnn"), old, 300)[1]
    assert found["source after 2"] == pytest.approx(whole, abs=1e-3), "frozen stages keep what they know"
    assert found["source after 6"] < whole - 0.2
