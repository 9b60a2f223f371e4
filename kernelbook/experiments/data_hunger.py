"""How many wafers each design needs: `python -m kernelbook.experiments.data_hunger` writes data_hunger.json.

Wafers of 24 x 24 dies, nine classes, and from 300 to 30,000 of them to learn from. Five designs of equal size, 15 to 17
thousand parameters each:

    cnn         four 3 x 3 convolutions with batch normalisation, and the mean of each map
    vit         a Vision Transformer: 36 patches of 4 x 4 dies, two blocks
    hybrid      the same with a convolutional stem instead of patches (Xiao et al. 2021, "Early convolutions help
                transformers see better"); its blocks are narrower by what the stem weighs
    placed      the CNN with two more maps to read, the row and the column of each die (Liu et al. 2018, "An intriguing
                failing of convolutional neural networks and the CoordConv solution")
    unplaced    the Vision Transformer without positions: it doesn't know where a patch was

Every run takes the same number of steps with the same recipe: AdamW, a warm-up over the first tenth, then half a
cosine, gradients no longer than 1. The CNN and the transformer each have the rate of CANDIDATES that is best for them
with a seed and wafers that are not measured afterwards; the variants take the rate of what they vary. A seed draws the
training wafers, the first weights and the batches. All networks are measured on the same test wafers, and on (at most
as many of) their training wafers.

About 10 minutes of one core. A run that is in the file is not run again, so it may be stopped at any time.
"""

from __future__ import annotations

import argparse
import json
import math
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import torch
from torch import nn
from torch.nn import functional as F

from kernelbook.data import CLASSES, wafers
from kernelbook.models.parts import conv_norm
from kernelbook.models.vit import Size, VisionTransformer
from kernelbook.training import predict, tensors

SIDE, PATCH = 24, 4
WIDTH, HIDDEN, HYBRID_HIDDEN, HEADS, BLOCKS = 24, 96, 66, 3, 2
NUMBERS = (300, 3_000, 30_000)  # training wafers
PLAN = {"cnn": NUMBERS, "vit": NUMBERS, "hybrid": (3_000,), "placed": (300,), "unplaced": (300,)}
SEEDS = (0, 1, 2)
CANDIDATES = (3e-3, 6e-3, 1.2e-2)
CHOICE_NUMBER, CHOICE_SEED = 3_000, 99
STEPS, BATCH, DECAY = 1_000, 32, 1e-2
TEST, TEST_SEED = 1_800, 5_000
RESULTS = Path(__file__).with_suffix(".json")

Wafers = tuple[torch.Tensor, torch.Tensor]


class Accuracies(NamedTuple):
    """Of one trained network, as fractions."""

    train: float
    test: float


class Places(nn.Module):
    """Puts two maps in front of the channels: the row and the column of each place, from -1 to 1."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        n, _, height, width = x.shape
        rows, columns = (torch.linspace(-1, 1, side, dtype=x.dtype, device=x.device) for side in (height, width))
        places = torch.stack(torch.meshgrid(rows, columns, indexing="ij"))
        return torch.cat([places.expand(n, -1, -1, -1), x], dim=1)


def network(name: str) -> nn.Module:
    """The design called `name`, untrained: (N, 1, 24, 24) -> (N, 9). Raises ValueError for an unknown one."""
    if name not in PLAN:
        raise ValueError(f"unknown design {name!r}: choose from {', '.join(PLAN)}")
    if name in ("cnn", "placed"):
        first = conv_norm(1, 12, 3) if name == "cnn" else nn.Sequential(Places(), conv_norm(3, 12, 3))
        layers = first, conv_norm(12, 24, 3, 2), conv_norm(24, 32, 3, 2), conv_norm(32, 24, 3)
        return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(24, len(CLASSES)))
    size = Size(BLOCKS, WIDTH, HYBRID_HIDDEN if name == "hybrid" else HIDDEN, HEADS)
    model = VisionTransformer(size, PATCH, len(CLASSES), SIDE, c_in=1)
    for module in model.encoder.modules():  # as torchvision does: 0.02 suits wide networks, not one of 24 numbers
        if isinstance(module, nn.Linear):
            nn.init.xavier_uniform_(module.weight)
    nn.init.trunc_normal_(model.patches.weight, std=1 / PATCH)
    if name == "hybrid":
        stem = conv_norm(1, 12, 3, 2), conv_norm(12, WIDTH, 3, 2), nn.Conv2d(WIDTH, WIDTH, 1)
        model.patches = nn.Sequential(*stem)  # type: ignore[assignment]  # both map pictures to maps of d channels
    if name == "unplaced":
        nn.init.zeros_(model.encoder.positions).requires_grad_(False)
    return model


@lru_cache(maxsize=1)
def _pool(seed: int) -> Wafers:
    return tensors(*wafers(max(NUMBERS), SIDE, 7_000 + seed))


def training_wafers(number: int, seed: int) -> Wafers:
    """The first `number` of the wafers of one seed, (number, 1, 24, 24), and their classes: fewer are part of more."""
    images, labels = _pool(seed)
    return images[:number], labels[:number]


def unseen(seed: int = TEST_SEED) -> Wafers:
    """The wafers on which every run is measured, or others of the same kind."""
    return tensors(*wafers(TEST, SIDE, seed))


def scale(step: int) -> float:
    """By what the learning rate is multiplied in this step: up to 1 over a tenth of them, then down to 0."""
    warm = STEPS / 10
    return (step + 1) / warm if step + 1 < warm else (1 + math.cos(math.pi * (step - warm) / (STEPS - warm))) / 2


def run(name: str, number: int, seed: int, rate: float, test: Wafers) -> Accuracies:
    """Train the design on `number` wafers, and measure it."""
    x, y = training_wafers(number, seed)
    torch.manual_seed(seed)
    shuffle = torch.Generator().manual_seed(seed)
    model = network(name)
    learned = [p for p in model.parameters() if p.requires_grad]
    optimiser = torch.optim.AdamW(learned, rate, weight_decay=DECAY)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, scale)
    model.train()
    order = torch.empty(0, dtype=torch.int64)
    for _ in range(STEPS):
        while len(order) < BATCH:
            order = torch.cat([order, torch.randperm(number, generator=shuffle)])
        batch, order = order[:BATCH], order[BATCH:]
        loss = F.cross_entropy(model(x[batch]), y[batch])
        optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(learned, 1.0)
        optimiser.step()
        schedule.step()
    pairs = (x[:TEST], y[:TEST]), test
    right = [(predict(model, images, 300) == labels).float().mean().item() for images, labels in pairs]
    return Accuracies(round(right[0], 4), round(right[1], 4))


def read() -> dict:
    """What has been measured so far: `rates`, by design and candidate, and `runs`, by design and number."""
    if RESULTS.exists():
        return json.loads(RESULTS.read_text())
    return {"rates": {}, "runs": {}}


def write(found: dict) -> None:
    """Replace the file, whole: a script that is stopped here leaves the old one."""
    fixed = {"steps": STEPS, "batch": BATCH, "test_wafers": TEST, "seeds": list(SEEDS)}
    beside = RESULTS.with_suffix(".new")
    beside.write_text(json.dumps({**fixed, "rates": found["rates"], "runs": found["runs"]}, indent=1) + "\n")
    beside.replace(RESULTS)


def best_rate(found: dict, name: str) -> float:
    """The candidate that did best in the runs made for this choice; variants take that of what they vary."""
    tried = found["rates"]["cnn" if name in ("cnn", "placed") else "vit"]
    return max(CANDIDATES, key=lambda rate: tried[str(rate)])


def choose(name: str) -> None:
    """Measure the candidates that are missing, on wafers that nothing else is measured on."""
    other = unseen(TEST_SEED + 1)
    for rate in CANDIDATES:
        found = read()
        tried = found["rates"].setdefault(name, {})
        if str(rate) not in tried:
            tried[str(rate)] = run(name, CHOICE_NUMBER, CHOICE_SEED, rate, other).test
            print(f"{name:9} rate {rate}: {tried[str(rate)]}", flush=True)
            write(found)


def measure(name: str, number: int, seed: int) -> None:
    """One run, into the file, unless it is there."""
    found = read()
    done = found["runs"].setdefault(name, {}).setdefault(str(number), {})
    if str(seed) in done:
        return
    done[str(seed)] = run(name, number, seed, best_rate(found, name), unseen())._asdict()
    print(f"{name:9} {number:6} wafers, seed {seed}: {done[str(seed)]}", flush=True)
    write(found)


def table(which: str = "test") -> dict[str, dict[int, list[float]]]:
    """The file as {design: {number: accuracies of all seeds}}; which: "test" or "train"."""
    return {
        name: {int(number): [seeds[str(seed)][which] for seed in SEEDS] for number, seeds in numbers.items()}
        for name, numbers in read()["runs"].items()
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Data hunger of a CNN, a Vision Transformer and a hybrid.")
    parser.add_argument("designs", nargs="*", default=list(PLAN), help=", ".join(PLAN))
    torch.set_num_threads(1)
    designs = parser.parse_args().designs
    for kind in ("cnn", "vit"):
        choose(kind)
    for drawn in SEEDS:
        for design in designs:
            for amount in PLAN[design]:
                measure(design, amount, drawn)
