"""What to freeze for how much data: `python -m kernelbook.experiments.transfer` measures it and writes transfer.json.

The network is :class:`kernelbook.checkpoints.texture_cnn.StagedCNN`. The target is the nine classes of wafers with 5 to
100 labels a class. Five ways to learn it, each for five seeds, which draw the training wafers, the new weights and the
order of the batches; all are measured on the same test wafers:

    scratch   nothing is carried over, everything is trained
    frozen    the four stages are carried over and kept, only the new head is trained
    last      stages 1 to 3 are kept, stage 4 and the head are trained
    all       everything is carried over and trained at one rate
    rates     the same with smaller rates for earlier stages: each stage a third of the next one's

Frozen stages run in evaluation mode, or their batch normalisation would go on learning. Each way gets the learning rate
of CANDIDATES that is best for it at 20 labels a class, with a seed and test wafers that are not measured afterwards.
All take the same number of steps.
"""

from __future__ import annotations

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
CANDIDATES = (2e-3, 5e-3, 1e-2, 2e-2)  # learning rates of the head, at the start
STEPS, BATCH = 200, 32
TEST, TEST_SEED = 1_800, 5_000
CHOICE_LABELS, CHOICE_SEED = 20, 99
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


def run(way: str, labels: int, seed: int, rate: float, test: tuple[torch.Tensor, torch.Tensor]) -> float:
    """Fraction of the test wafers that the network names rightly after learning from `labels` a class in this way."""
    x, y = target(labels, seed)
    torch.manual_seed(seed)
    shuffle = torch.Generator().manual_seed(seed)
    model, trained = network(way)
    kept, rest = nn.Sequential(*model.stages[: FROZEN[way]]).eval(), nn.Sequential(*trained[:-1])
    with torch.no_grad():
        x = kept(x)  # what does not change is computed once
    optimiser = torch.optim.Adam(groups(way, trained, rate))
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


def unseen(seed: int = TEST_SEED) -> tuple[torch.Tensor, torch.Tensor]:
    """The wafers on which every run is measured, or others of the same kind."""
    return tensors(*wafers(TEST, 32, seed))


def best_rates() -> dict[str, float]:
    """For each way the candidate that does best with the seed and the wafers set apart for this choice."""
    other = unseen(TEST_SEED + 1)
    chosen = {}
    for way in WAYS:
        found = {rate: run(way, CHOICE_LABELS, CHOICE_SEED, rate, other) for rate in CANDIDATES}
        chosen[way] = max(found, key=lambda rate: found[rate])
        print(f"{way:8}", {rate: round(accuracy, 3) for rate, accuracy in found.items()}, flush=True)
    return chosen


def measure() -> None:
    """Every way, amount and seed; writes RESULTS. Accuracies are fractions; deviations are over seeds, with n - 1."""
    torch.set_num_threads(1)
    test, rates, results = unseen(), best_rates(), []
    for way in WAYS:
        for labels in LABELS:
            found = [round(run(way, labels, seed, rates[way], test), 4) for seed in SEEDS]
            mean, deviation = float(np.mean(found)), float(np.std(found, ddof=1))
            print(f"{way:8} {labels:4} labels a class: {100 * mean:5.1f} ± {100 * deviation:.1f} %", flush=True)
            spread = {"mean": round(mean, 4), "deviation": round(deviation, 4)}
            results.append({"way": way, "labels": labels, **spread, "accuracies": found})
    trainable = {way: sum(p.numel() for m in network(way)[1] for p in m.parameters()) for way in WAYS}
    written = {
        "source": {"task": "textures", "test_accuracy": checkpoints.record("texture_cnn")["test_accuracy"]},
        "steps": STEPS,
        "batch": BATCH,
        "test_wafers": TEST,
        "rates": rates,
        "trainable": trainable,
        "results": results,
    }
    RESULTS.write_text(json.dumps(written, indent=1) + "\n")


if __name__ == "__main__":
    measure()
