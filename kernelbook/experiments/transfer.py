"""What to freeze for how much data: `python -m kernelbook.experiments.transfer` measures it and writes transfer.json.

The network is :class:`kernelbook.checkpoints.texture_cnn.StagedCNN`. The target is the nine classes of wafers with 5 to
100 labels a class. Five ways to learn it, each for five seeds, which draw the training wafers, the new weights and the
order of the batches; all are measured on the same test wafers:

    scratch   nothing is carried over, everything is trained
    frozen    the four stages are carried over and kept, only the new head is trained
    last      stages 1 to 3 are kept, stage 4 and the head are trained
    all       everything is carried over and trained at one rate
    rates     the same with smaller rates for earlier stages: each stage a third of the next one's

Frozen stages run in evaluation mode, or their batch normalisation would go on learning. Learning rates were chosen for
each way from CANDIDATES with a seed that is not among the five, at 20 labels a class. All take the same number of
steps.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from kernelbook import checkpoints
from kernelbook.checkpoints.texture_cnn import StagedCNN
from kernelbook.data import CLASSES, wafers
from kernelbook.training import predict, tensors

LABELS = (5, 10, 20, 50, 100)  # a class
WAYS = ("scratch", "frozen", "last", "all", "rates")
SEEDS = (0, 1, 2, 3, 4)
RATES = {"scratch": 5e-3, "frozen": 2e-2, "last": 5e-3, "all": 5e-3, "rates": 1e-2}  # of the head, at the start
CANDIDATES = (2e-3, 5e-3, 1e-2, 2e-2)
STEPS, BATCH = 200, 32
TEST, TEST_SEED, CHOICE_SEED = 1_800, 5_000, 99
FROZEN = {"scratch": 0, "frozen": 4, "last": 3, "all": 0, "rates": 0}
RESULTS = Path(__file__).with_suffix(".json")


def target(labels: int, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Training wafers (9 labels, 1, 32, 32) and their classes; fewer labels are the first of more."""
    drawn = [wafers(max(LABELS), 32, 6_000 + 100 * seed + i, [name])[0][:labels] for i, name in enumerate(CLASSES)]
    return tensors(np.concatenate(drawn), np.repeat(np.arange(len(CLASSES)), labels))


def network(way: str, source: str | None = "texture_cnn") -> tuple[StagedCNN, list[nn.Module]]:
    """The network as `way` starts, torch's own random weights for what is new, and the modules that it trains."""
    model = StagedCNN(len(CLASSES))
    if way != "scratch" and source is not None:
        trained = checkpoints.load(source)
        assert isinstance(trained, StagedCNN)
        model.stages.load_state_dict(trained.stages.state_dict())
    return model, [*list(model.stages)[FROZEN[way] :], model.head]


def groups(way: str, trained: Sequence[nn.Module], rate: float) -> list[dict]:
    """The optimiser's parameter groups, the head's last."""
    shrink = 3.0 if way == "rates" else 1.0
    return [
        {"params": list(module.parameters()), "lr": rate / shrink ** (len(trained) - 1 - i)}
        for i, module in enumerate(trained)
    ]


def run(way: str, labels: int, seed: int, test: tuple[torch.Tensor, torch.Tensor], rate: float | None = None) -> float:
    """Fraction of the test wafers that the network names rightly after learning from `labels` a class in this way."""
    x, y = target(labels, seed)
    torch.manual_seed(seed)
    shuffle = torch.Generator().manual_seed(seed)
    model, trained = network(way)
    kept, rest = nn.Sequential(*model.stages[: FROZEN[way]]).eval(), nn.Sequential(*trained[:-1])
    with torch.no_grad():
        x = kept(x)  # what does not change is computed once
    optimiser = torch.optim.Adam(groups(way, trained, rate or RATES[way]))
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, STEPS)
    rest.train()
    order = torch.empty(0, dtype=torch.int64)
    for _ in range(STEPS):
        if len(order) < BATCH:
            order = torch.cat([order, torch.randperm(len(x), generator=shuffle)])
        batch, order = order[:BATCH], order[BATCH:]
        loss = F.cross_entropy(model.head(rest(x[batch]).mean((2, 3))), y[batch])
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
    return (predict(model, test[0], 300) == test[1]).float().mean().item()


def test_wafers() -> tuple[torch.Tensor, torch.Tensor]:
    """The wafers on which every run is measured."""
    return tensors(*wafers(TEST, 32, TEST_SEED))


def measure() -> None:
    """Every way, amount and seed; writes RESULTS. Accuracies are fractions; deviations are over seeds, with n - 1."""
    torch.set_num_threads(1)
    test, results = test_wafers(), []
    for way in WAYS:
        for labels in LABELS:
            found = [round(run(way, labels, seed, test), 4) for seed in SEEDS]
            mean, deviation = float(np.mean(found)), float(np.std(found, ddof=1))
            results.append({"way": way, "labels": labels, "mean": round(mean, 4), "deviation": round(deviation, 4)})
            results[-1]["accuracies"] = found
            print(f"{way:8} {labels:4} labels a class: {100 * mean:5.1f} ± {100 * deviation:.1f} %", flush=True)
    record = checkpoints.record("texture_cnn")
    trainable = {way: sum(p.numel() for m in network(way)[1] for p in m.parameters()) for way in WAYS}
    written = {
        "source": {"task": "textures", "classes": 20, "test_accuracy": record["test_accuracy"]},
        "steps": STEPS,
        "batch": BATCH,
        "seeds": len(SEEDS),
        "test_wafers": TEST,
        "rates": RATES,
        "trainable": trainable,
        "results": results,
    }
    RESULTS.write_text(json.dumps(written, indent=1) + "\n")


def choose() -> None:
    """Print what each candidate rate gives at 20 labels a class, for a seed that is not measured."""
    torch.set_num_threads(1)
    test = test_wafers()
    for way in WAYS:
        found = {rate: round(run(way, 20, CHOICE_SEED, test, rate), 3) for rate in CANDIDATES}
        print(way, found, flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--choose", action="store_true", help="compare learning rates instead")
    choose() if parser.parse_args().choose else measure()
