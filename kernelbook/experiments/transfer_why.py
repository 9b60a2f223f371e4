"""Why transfer goes as it goes: `python -m kernelbook.experiments.transfer_why` measures it, writes transfer_why.json.

The network, sources, wafers, seeds and steps are those of :mod:`kernelbook.experiments.transfer`. It asks four things:

    baseline  nothing is carried over, and the rate is 0.02 or 0.2, for every amount of labels
    rates     everything is trained from the near source; the rate of the stages goes from 0.0003 to 0.1. The head has
              the same rate ("one"), or its own, 0.02 ("two"), or has it and half the steps to itself ("first")
    layers    the first 1, 2 or 3 stages are carried over and kept, the rest is new and has a rate that suits a
              network from scratch ("keep"); or all are carried over and one of them is trained beside the head
              ("tune"), slowly from the near source, and faster from the far one, where little is to be lost
    norms     all stages are frozen, and batch normalisation keeps still, or stays in training mode ("moving")

But for the baseline, there are 20 labels a class. For rates and norms the old head is put back after each run, and the
network is measured on its old task, too: `source` is what it still knows of it.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import nn
from torch.nn import functional as F

from kernelbook import checkpoints
from kernelbook.checkpoints import other_wafer_cnn, texture_cnn
from kernelbook.checkpoints.texture_cnn import StagedCNN
from kernelbook.data import CLASSES, textures, wafers
from kernelbook.experiments.transfer import BATCH, SEEDS, SOURCES, STEPS, target, unseen
from kernelbook.experiments.transfer import LABELS as AMOUNTS
from kernelbook.training import Data, evaluate, tensors
from kernelbook.transfer import train_around

LABELS = 20  # a class
BASE_RATES = (0.02, 0.2)
RATES = (3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 1e-1)
HEAD_RATE, NEW_RATE = 0.02, 0.1
TUNE_RATE = {"texture_cnn": 0.02, "other_wafer_cnn": 0.001}
EARLY = (1, 5, 20)  # steps after which the old task is looked at
OLD = 900  # pictures of the old task
RESULTS = Path(__file__).with_suffix(".json")


def old_task(source: str) -> Data:
    """Pictures of a source's task that it has not seen."""
    if source == "texture_cnn":
        return tensors(*textures(OLD, texture_cnn.SIZE, texture_cnn.TEST_SEED))
    return tensors(*wafers(OLD, other_wafer_cnn.SIZE, other_wafer_cnn.TEST_SEED))


def run(
    source: str,
    seed: int,
    *,
    stage_rate: float,
    head_rate: float,
    test: Data,
    old: Data | None = None,
    labels: int = LABELS,
    steps: int = STEPS,
    carried: int = 4,
    trained: Sequence[int] = (0, 1, 2, 3),
    shrink: float = 1.0,
    head_first: int = 0,
    moving_norms: bool = False,
    early: Sequence[int] = (),
) -> dict[str, float]:
    """Train once and measure: `target`, and with `old` also `source` and `source after N` steps, all fractions.

    source: a checkpoint. stage_rate: of the last stage; each earlier one has the next one's over `shrink`. carried: how
    many stages come from the source. trained: indices of the stages that are trained. head_first: steps of the head
    alone, at the start. moving_norms: batch normalisation of frozen stages in training mode. early: see EARLY.
    """
    x, y = target(labels, seed)
    torch.manual_seed(seed)
    shuffle = torch.Generator().manual_seed(seed)
    model = StagedCNN(len(CLASSES))
    kept = checkpoints.load(source)
    assert isinstance(kept, StagedCNN)
    for i in range(carried):
        model.stages[i].load_state_dict(kept.stages[i].state_dict())
    for i, stage in enumerate(model.stages):
        stage.requires_grad_(i in trained)
    stages = [
        {"params": list(model.stages[i].parameters()), "lr": stage_rate / shrink ** (len(model.stages) - 1 - i)}
        for i in trained
    ]
    found: dict[str, float] = {}
    still = 0 if moving_norms else min(trained, default=len(model.stages))  # these never change: computed once
    with torch.no_grad():
        x = nn.Sequential(*model.stages[:still]).eval()(x)
    alone, together = head_first, steps - head_first
    phases = [(alone, False), (together, True)] if alone else [(together, True)]
    order, done = torch.empty(0, dtype=torch.int64), 0
    for length, everything in phases:
        parts = [*(stages if everything else []), {"params": list(model.head.parameters()), "lr": head_rate}]
        optimiser = torch.optim.Adam(parts)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, length)
        for stage in model.stages:
            stage.requires_grad_(False)
        for i in trained if everything else ():
            model.stages[i].requires_grad_(True)
        for _ in range(length):
            model.train() if moving_norms else train_around(model)
            if len(order) < BATCH:
                order = torch.cat([order, torch.randperm(len(x), generator=shuffle)])
            batch, order = order[:BATCH], order[BATCH:]
            maps = nn.Sequential(*model.stages[still:])(x[batch])
            loss = F.cross_entropy(model.head(maps.mean((2, 3))), y[batch])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
            done += 1
            if old is not None and done in early:
                found[f"source after {done}"] = recall(model, kept, old)
    found["target"] = evaluate(model, test, 300)[1]
    if old is not None:
        found["source"] = recall(model, kept, old)
    return {name: round(value, 4) for name, value in found.items()}


def recall(model: StagedCNN, kept: StagedCNN, old: Data) -> float:
    """Accuracy on the old task of the stages of `model` as they are now, under the old head."""
    head, model.head = model.head, kept.head
    try:
        return evaluate(model, old, 300)[1]
    finally:
        model.head = head


def cases() -> list[tuple[dict, dict]]:
    """Every case: what names it, and how it is run."""
    near = SOURCES[1]
    found: list[tuple[dict, dict]] = []
    for rate in BASE_RATES:
        for labels in AMOUNTS:
            how = {"source": near, "carried": 0, "labels": labels, "stage_rate": rate, "head_rate": rate}
            found.append(({"part": "baseline", "rate": rate, "labels": labels}, how))
    for rate in RATES:
        how = {"source": near, "stage_rate": rate, "early": EARLY}
        found.append(({"part": "rates", "way": "one", "rate": rate}, {**how, "head_rate": rate}))
        found.append(({"part": "rates", "way": "two", "rate": rate}, {**how, "head_rate": HEAD_RATE}))
        found.append(
            (
                {"part": "rates", "way": "first", "rate": rate},
                {**how, "head_rate": HEAD_RATE, "head_first": STEPS // 2, "early": ()},
            )
        )
    for source in SOURCES:
        for stages in (1, 2, 3):
            how = {"source": source, "carried": stages, "trained": tuple(range(stages, 4))}
            rates = {"stage_rate": NEW_RATE, "head_rate": NEW_RATE}
            found.append(({"part": "layers", "way": "keep", "stages": stages}, {**how, **rates}))
        for stage in (1, 2, 3, 4):
            how = {"source": source, "trained": (stage - 1,)}
            rates = {"stage_rate": TUNE_RATE[source], "head_rate": HEAD_RATE}
            found.append(({"part": "layers", "way": "tune", "stages": stage}, {**how, **rates}))
        how = {"source": source, "trained": (), "stage_rate": HEAD_RATE, "head_rate": HEAD_RATE}
        found.append(({"part": "norms", "way": "still"}, how))
        found.append(({"part": "norms", "way": "moving"}, {**how, "moving_norms": True}))
    return found


def measure(parts: Sequence[str]) -> None:
    """Run the cases of these parts for every seed and write them into RESULTS beside what is there."""
    test, olds = unseen(), {source: old_task(source) for source in SOURCES}
    written = json.loads(RESULTS.read_text())["results"] if RESULTS.exists() else []
    written = [case for case in written if case["part"] not in parts]
    for name, how in cases():
        if name["part"] not in parts:
            continue
        old = olds[how["source"]] if name["part"] in ("rates", "norms") else None
        runs = [run(seed=seed, test=test, old=old, **how) for seed in SEEDS]
        measured = {key: [r[key] for r in runs] for key in runs[0]}
        print(name, how["source"], [round(sum(v) / len(v), 3) for v in measured.values()], flush=True)
        written.append({**name, "source_network": how["source"], **measured})
    RESULTS.write_text(packed(written))


def packed(results: Sequence[dict]) -> str:
    """The text of RESULTS: one line a case."""
    parts = list(dict.fromkeys(name["part"] for name, _ in cases()))
    lines = [json.dumps(case) for case in sorted(results, key=lambda case: parts.index(case["part"]))]
    return '{"results": [\n' + ",\n".join(lines) + "\n]}\n"


if __name__ == "__main__":
    everything = list(dict.fromkeys(name["part"] for name, _ in cases()))
    parser = argparse.ArgumentParser(description="Why transfer goes as it goes: about six minutes of one core.")
    parser.add_argument("parts", nargs="*", default=everything, help=", ".join(everything))
    torch.set_num_threads(1)
    measure(parser.parse_args().parts)
