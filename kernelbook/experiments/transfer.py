"""What to freeze for how much data: `python -m kernelbook.experiments.transfer` measures it and writes transfer.json.

The network is :class:`kernelbook.checkpoints.texture_cnn.StagedCNN`. The target is the nine classes of wafers with 5 to
100 labels a class. The sources are a far task, textured shapes, and a near one, wafers of another product. There are
five ways to learn, each for five seeds, which draw the training wafers, the new weights and the order of the batches;
all are measured on the same test wafers:

    scratch   nothing is carried over, everything is trained
    frozen    the four stages are carried over and kept, only the new head is trained
    last      stages 1 to 3 are kept, stage 4 and the head are trained
    all       everything is carried over and trained at one rate
    rates     the same with smaller rates for earlier stages: each stage a third of the next one's

Frozen stages run in evaluation mode, or their batch normalisation would go on learning. Each way gets the rate
of CANDIDATES that is best for it at 20 labels a class, with a seed and test wafers that are not measured afterwards.
All take the same number of steps. (Some take the largest of the four, scratch among them; its baseline part in
:mod:`kernelbook.experiments.transfer_why` shows what a larger one is worth.)
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
SOURCES = ("texture_cnn", "other_wafer_cnn")
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


def network(way: str, source: str) -> tuple[StagedCNN, list[nn.Module]]:
    """The network as `way` starts, torch's own random weights for what is new, and the modules that it trains."""
    model = StagedCNN(len(CLASSES))
    if way != "scratch":
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


def train(source: str, way: str, labels: int, seed: int, rate: float) -> StagedCNN:
    """The network after learning from `labels` wafers a class in this way, in evaluation mode."""
    x, y = target(labels, seed)
    torch.manual_seed(seed)
    shuffle = torch.Generator().manual_seed(seed)
    model, trained = network(way, source)
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
    return model.eval()


def run(source: str, way: str, labels: int, seed: int, rate: float, test: tuple[torch.Tensor, torch.Tensor]) -> float:
    """Fraction of the test wafers that the network names rightly after learning from `labels` a class in this way."""
    model = train(source, way, labels, seed, rate)
    return (predict(model, test[0], 300) == test[1]).float().mean().item()


def unseen(seed: int = TEST_SEED) -> tuple[torch.Tensor, torch.Tensor]:
    """The wafers on which every run is measured, or others of the same kind."""
    return tensors(*wafers(TEST, 32, seed))


def best_rate(source: str, way: str) -> float:
    """The candidate that does best with the seed and the wafers that are set apart for this choice."""
    other = unseen(TEST_SEED + 1)
    found = {rate: run(source, way, CHOICE_LABELS, CHOICE_SEED, rate, other) for rate in CANDIDATES}
    return max(found, key=lambda rate: found[rate])


def measure(source: str, way: str) -> None:
    """One way from one source, for every amount and seed; writes it into RESULTS beside what is there.

    Accuracies are fractions; deviations are over seeds, with n - 1. Training from scratch has the source "none".
    """
    test, rate, found = unseen(), best_rate(source, way), []
    for labels in LABELS:
        accuracies = [round(run(source, way, labels, seed, rate, test), 4) for seed in SEEDS]
        mean, deviation = float(np.mean(accuracies)), float(np.std(accuracies, ddof=1))
        print(f"{source:15} {way:8} {labels:4} labels a class: {100 * mean:5.1f} ± {100 * deviation:.1f} %", flush=True)
        case = {"source": source, "way": way, "rate": rate, "labels": labels}
        found.append({**case, "mean": round(mean, 4), "deviation": round(deviation, 4), "accuracies": accuracies})
    old = json.loads(RESULTS.read_text())["results"] if RESULTS.exists() else []
    write([r for r in old if (r["source"], r["way"]) != (source, way)] + found)


def write(results: list[dict]) -> None:
    """Write these results into RESULTS, with what they were made by."""
    order = ("none", *SOURCES)
    written = {
        "sources": {source: checkpoints.record(source)["test_accuracy"] for source in SOURCES},
        "steps": STEPS,
        "batch": BATCH,
        "test_wafers": TEST,
        "trainable": {way: sum(p.numel() for m in network(way, SOURCES[0])[1] for p in m.parameters()) for way in WAYS},
        "results": sorted(results, key=lambda r: (order.index(r["source"]), WAYS.index(r["way"]), r["labels"])),
    }
    RESULTS.write_text(json.dumps(written, indent=1) + "\n")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="What to freeze for how much data: about six minutes of one core.")
    parser.add_argument("sources", nargs="*", default=["none", *SOURCES], help="none, texture_cnn, other_wafer_cnn")
    parser.add_argument("--ways", nargs="*", default=WAYS, help="only these")
    torch.set_num_threads(1)
    options = parser.parse_args()
    for asked in options.sources:
        for kind in WAYS[:1] if asked == "none" else WAYS[1:]:
            if kind in options.ways:
                measure(asked, kind)
