"""A class for every die: `python -m kernelbook.experiments.segmentation` measures it and writes segmentation.json.

A segmenter (kernelbook.segmentation) is to mark where the fault struck, on wafers of the six classes that have a place
(not "none", "near-full" or "random"), after training on 48 of them whose masks are known. It climbs back with the
encoder's maps beside it or without ("skips"), and its encoder starts with random weights or from another product's
wafers, where it had learned to name the pattern of a whole map. Everything is trained, a pretrained encoder at a third
of the rate. Five seeds draw the training wafers, the new weights and the order; the test wafers are the same for all.

What is measured is IoU, intersection over union, for each class pooled over its test wafers, and the mean of the six.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import torch
from torch.nn import functional as F

from kernelbook import checkpoints
from kernelbook.checkpoints.texture_cnn import StagedCNN
from kernelbook.data import CLASSES, faults, wafers
from kernelbook.experiments.transfer import SEEDS
from kernelbook.segmentation import Segmenter, fault_masks, iou

FAULTS = ("center", "donut", "edge-loc", "edge-ring", "loc", "scratch")
LABELLED = 48  # wafers with masks
STEPS, BATCH, RATE = 150, 16, 0.01
TEST, TEST_SEED, TRAIN_SEED = 400, 8_000, 9_000
NEAR = "other_wafer_cnn"
RESULTS = Path(__file__).with_suffix(".json")

Masked = tuple[torch.Tensor, torch.Tensor, torch.Tensor]
"""Maps (N, 1, H, W), masks (N, 1, H, W) and labels (N,), indices into FAULTS."""


def masked(number: int, seed: int) -> Masked:
    """Wafers of the six faults with their masks."""
    images, labels = wafers(number, 32, seed, FAULTS)
    masks = fault_masks(faults(number, 32, seed, FAULTS)[0])
    return torch.from_numpy(images), torch.from_numpy(masks), torch.from_numpy(labels)


def build(source: str, skips: bool, seed: int) -> Segmenter:
    """A segmenter whose encoder comes from `source`, a checkpoint, or is new ("none"); all else is new."""
    torch.manual_seed(seed)
    model = Segmenter(StagedCNN(len(CLASSES)).stages, skips)
    if source != "none":
        trained = checkpoints.load(source)
        assert isinstance(trained, StagedCNN)
        model.stages.load_state_dict(trained.stages.state_dict())
    return model


def train(model: Segmenter, data: Masked, seed: int, pretrained: bool, steps: int = STEPS) -> Segmenter:
    """Train in place on cross-entropy a die, and return the segmenter in evaluation mode."""
    x, masks, _ = data
    shuffle = torch.Generator().manual_seed(seed)
    new = [*model.up.parameters(), *model.head.parameters()]
    encoder = {"params": list(model.stages.parameters()), "lr": RATE / 3 if pretrained else RATE}
    optimiser = torch.optim.Adam([encoder, {"params": new, "lr": RATE}])
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
    order = torch.empty(0, dtype=torch.int64)
    model.train()
    for _ in range(steps):
        if len(order) < BATCH:
            order = torch.cat([order, torch.randperm(len(x), generator=shuffle)])
        batch, order = order[:BATCH], order[BATCH:]
        loss = F.binary_cross_entropy_with_logits(model(x[batch]), masks[batch])
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
    return model.eval()


@torch.no_grad()
def marks(model: Segmenter, x: torch.Tensor) -> torch.Tensor:
    """Which dies the segmenter marks: (N, 1, H, W) boolean."""
    return torch.cat([model(part) > 0 for part in x.split(200)])


def measured(marked: torch.Tensor, data: Masked) -> dict[str, float]:
    """IoU over the wafers of each class, and "mean", the mean of these."""
    _, masks, labels = data
    by_class = {name: iou(marked[labels == i], masks[labels == i]) for i, name in enumerate(FAULTS)}
    mean = sum(by_class.values()) / len(by_class)
    return {name: round(value, 4) for name, value in {"mean": mean, **by_class}.items()}


def run(source: str, skips: bool, seed: int, test: Masked) -> dict[str, float]:
    """Train once, and measure."""
    data = masked(LABELLED, TRAIN_SEED + seed)
    model = train(build(source, skips, seed), data, seed, source != "none")
    return measured(marks(model, test[0]), test)


def neighbours(x: torch.Tensor, least: int) -> torch.Tensor:
    """Without learning: mark a die of the wafer if `least` or more of the nine dies round it, itself too, failed."""
    failed = (x == 1).float()
    return (F.conv2d(failed, torch.ones(1, 1, 3, 3), padding=1) >= least) & (x > 0)


def main() -> None:
    """Every case and seed, into RESULTS."""
    test, found = masked(TEST, TEST_SEED), []
    for skips in (False, True):
        for source in ("none", NEAR):
            runs = [run(source, skips, seed, test) for seed in SEEDS]
            scores = {name: [r[name] for r in runs] for name in runs[0]}
            print(skips, source, {k: round(sum(v) / len(v), 3) for k, v in scores.items()}, flush=True)
            found.append({"skips": skips, "source": source, **scores})
    RESULTS.write_text('{"results": [\n' + ",\n".join(json.dumps(case) for case in found) + "\n]}\n")


if __name__ == "__main__":
    argparse.ArgumentParser(description="A class for every die: about a minute of one core.").parse_args()
    torch.set_num_threads(1)
    main()
