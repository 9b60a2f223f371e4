"""The lab TransferPlan: counts are those of real networks, and its measurements are the experiment's."""

import importlib.util
import json
import random
import subprocess
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn
from torchvision.models import resnet18, resnet50

from kernelbook import labs
from kernelbook.checkpoints.texture_cnn import StagedCNN
from kernelbook.experiments import transfer
from kernelbook.labs.transfer_plan import LABELS, NETWORKS, SOURCES, WAYS, accuracies

HERE = Path(__file__).parent
LIB = HERE.parents[1] / "kernelbook" / "labs" / "lib"


def random_states(count: int):
    rng = random.Random(8)
    for _ in range(count):
        yield {
            "network": rng.choice(NETWORKS),
            "classes": rng.randint(2, 1000),
            "start": rng.choice(["pretrained", "pretrained", "scratch"]),
            "trained": rng.randint(0, 5),
            "rates": rng.choice(["one", "stage"]),
            "source": rng.choice(list(SOURCES)),
            "labels": rng.choice(LABELS),
        }


def frozen_by_torch(network, classes, start, trained, **_):
    """The real network with its early stages frozen as one does it: (trainable, all) parameters, frozen norms."""
    with torch.device("meta"):
        if network == "book":
            model = StagedCNN(classes)
            stages = list(model.stages)
        else:
            model = {"resnet18": resnet18, "resnet50": resnet50}[network]()
            model.fc = nn.Linear(model.fc.in_features, classes)
            stages = [nn.ModuleList([model.conv1, model.bn1]), model.layer1, model.layer2, model.layer3, model.layer4]
    kept = stages[: max(len(stages) - trained, 0)] if start == "pretrained" else []
    for stage in kept:
        stage.requires_grad_(False)
    counts = [sum(p.numel() for p in model.parameters() if p.requires_grad or every) for every in (False, True)]
    return (*counts, sum(isinstance(m, nn.BatchNorm2d) for stage in kept for m in stage.modules()))


@pytest.fixture(scope="module")
def states():
    return list(random_states(80))


@pytest.fixture(scope="module")
def page(states):
    done = subprocess.run(
        ["node", HERE / "transfer_plan_truth.mjs"],
        input=json.dumps({"states": states}),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.xdist_group("labs-transfer-plan")
def test_what_is_trained_is_what_torch_trains(states, page):
    for state, mine in zip(states, page["plans"], strict=True):
        trainable, total, norms = frozen_by_torch(**state)
        stages = mine["stages"]
        assert sum(s["parameters"] for s in stages if s["trained"]) == trainable
        assert sum(s["parameters"] for s in stages) == total
        assert sum(s["norms"] for s in stages if not s["trained"]) == norms
        lab = labs.TransferPlan(**state)
        assert [(s["name"], s["parameters"], s["trained"]) for s in stages] == lab.stages()
        assert mine["way"] == lab.way()
        assert f"{trainable:,} of {total:,} parameters" in mine["words"]


@pytest.mark.xdist_group("labs-transfer-plan")
def test_the_measurements_are_the_experiments(page):
    results = json.loads(transfer.RESULTS.read_text())["results"]
    known = {(r["source"], r["way"], r["labels"]): r for r in results}
    # Training from scratch stands beside either source.
    scratch = sum(key[0] == "none" for key in known)
    assert scratch == len(LABELS)
    assert len(page["measured"]) == len(known) + (len(SOURCES) - 1) * scratch
    for mine in page["measured"]:
        source = "none" if mine["way"] == "scratch" else SOURCES[mine["source"]]
        real = known[source, mine["way"], mine["labels"]]
        assert mine["accuracies"] == real["accuracies"]
        assert len(real["accuracies"]) == len(transfer.SEEDS) >= 5
        np.testing.assert_array_equal(accuracies(mine["source"], mine["way"], mine["labels"]), real["accuracies"])
        assert mine["mean"] == pytest.approx(np.mean(real["accuracies"])) == pytest.approx(real["mean"], abs=6e-5)
        assert mine["deviation"] == pytest.approx(np.std(real["accuracies"], ddof=1))
        assert mine["deviation"] == pytest.approx(real["deviation"], abs=6e-5)
        difference = np.subtract(real["accuracies"], known["none", "scratch", mine["labels"]]["accuracies"])
        error = difference.std(ddof=1) / len(difference) ** 0.5
        assert mine["against"]["mean"] == pytest.approx(difference.mean())
        assert mine["against"]["error"] == pytest.approx(error)
        assert mine["against"]["clear"] == (abs(difference.mean()) > 2.776 * error)


@pytest.mark.xdist_group("labs-transfer-plan")
def test_the_verdict_says_what_the_numbers_say(page):
    for source in SOURCES:
        for labels in LABELS:
            rows = [m for m in page["measured"] if (m["source"], m["labels"]) == (source, labels)]
            best = max((m for m in rows if m["way"] != "scratch"), key=lambda m: m["mean"])
            (words,) = {m["verdict"] for m in rows}
            assert WAYS[best["way"]].lower() in words
            if not best["against"]["clear"]:
                assert "no difference that five seeds can show" in words
            else:
                assert ("helps:" in words) == (best["against"]["mean"] > 0)
                assert ("does not help" in words) == (best["against"]["mean"] < 0)


def test_the_page_carries_the_newest_counts_and_results():
    spec = importlib.util.spec_from_file_location("transfer_data", LIB / "transfer.py")
    data = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(data)
    assert (LIB / "transfer.json").read_text() == data.packed(), "run: python kernelbook/labs/lib/transfer.py"


@pytest.mark.xdist_group("labs-transfer-plan")
def test_the_experiments_numbers_and_erratum_88(page):
    def share(title):
        stages = page["experiments"][title]
        trained = sum(s["parameters"] for s in stages if s["trained"])
        return trained, sum(s["parameters"] for s in stages)

    assert share("The head alone") == (10_245, 23_518_277)
    assert share("“The last blocks”") == (14_974_981, 23_518_277)
    assert round(100 * 14_974_981 / 23_518_277) == 64
    with torch.device("meta"):
        assert len(resnet50().layer4) == 3


@pytest.mark.browser
@pytest.mark.xdist_group("labs-transfer-plan-page")
def test_the_plan_on_the_page_follows_the_controls(lab_page):
    page = lab_page(labs.TransferPlan(classes=5))
    words = page.locator(".lab-summary")
    assert "14,974,981 of 23,518,277 parameters, 63.7 %" in words.inner_text()
    slider = page.get_by_label("Stages trained beside the head")
    slider.fill("0")
    assert "10,245 of 23,518,277" in words.inner_text()
    assert "53 layers of batch normalisation" in page.locator(".lab-app").inner_text()
    slider.fill("2")
    assert "not measured" in words.inner_text()
    page.get_by_label("Network", exact=True).select_option("book")
    page.get_by_label("Start from").select_option("scratch")
    assert slider.is_disabled()
    mean = 100 * accuracies("textures", "scratch", 20).mean()
    assert f"{int(mean + 0.5)} ± " in words.inner_text()
    page.get_by_label("Labels a class", exact=True).select_option("5")
    mean = 100 * accuracies("textures", "scratch", 5).mean()
    assert f"{int(mean + 0.5)} ± " in words.inner_text()
