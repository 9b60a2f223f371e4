"""Which cure helps against overfitting: `python -m kernelbook.experiments.overfitting` measures it, in five minutes.

Ten labelled wafers a class, and one change to the same network at a time; the results of all runs are in
overfitting.json. Runs of one seed share their training wafers and, where they fit, the order of the batches. All are
measured on the same test wafers. There is one strength of each cure, and none was tuned: a first look at two seeds
used these test wafers too, it decided which head the others are compared with, and no strength or rate was changed
after it.

Two smaller experiments of the chapter are here as functions: `descend`, plain gradient descent with and without
normalisation, and `dense_runs`, the dense network of chapter 1 on the same wafers.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from kernelbook import metrics, regularise, training
from kernelbook.data import CLASSES, wafers
from kernelbook.models.classifier import Jolted, classifier
from kernelbook.models.parts import he_initialise

SEEDS = (0, 1, 2, 3, 4)
LABELS, DRAWN = 10, 50  # a class; fewer are the first of these
EPOCHS, BATCH, RATE = 40, 16, 1e-2
TEST, TEST_SEED = 1_500, 1_000  # those of chapter 1
VALIDATION = 2  # labels a class that early stopping sets aside
NORMS: dict[str, Callable[[int], nn.Module] | None] = {"none": None, "batch": nn.BatchNorm2d, "jolted": Jolted}
RESULTS = Path(__file__).with_suffix(".json")

shifts = regularise.random_shifts(8, fill=-1.0)
CURES: dict[str, dict[str, Any]] = {
    "none": {},
    "mean of each map": {"head": "mean"},
    "no batch norm": {"norm": None, "rate": 3e-3},
    "dropout": {"dropout": 0.5},
    "weight decay": {"weight_decay": 0.3},
    "early stopping": {"stop": True},
    "turns and mirrors": {"augment": regularise.random_symmetries},
    "shifts": {"augment": shifts},
    "MixUp": {"augment": regularise.random_mixup(9)},
    "CutMix": {"augment": regularise.random_cutmix(9)},
    "turns, mirrors, mean": {"head": "mean", "augment": regularise.random_symmetries},
    "turns, mirrors, dropout, decay": {"augment": regularise.random_symmetries, "dropout": 0.5, "weight_decay": 0.3},
}
"""What each cure changes in the network with flatten and a hidden dense layer, and in the recipe above."""


def maps(images: np.ndarray, labels: np.ndarray) -> training.Data:
    """Wafers from -1 (no die) by 0 (passed) to 1 (failed), float64, and their classes."""
    return torch.from_numpy(2.0 * images - 1).double(), torch.from_numpy(labels)


def unseen() -> training.Data:
    """The wafers on which every run is measured."""
    images, labels = wafers(TEST, 32, TEST_SEED)
    return maps(images, labels)


def labelled(labels: int, seed: int) -> training.Data:
    """Training wafers (9 labels, 1, 32, 32) and their classes; up to 50, fewer are the first of more."""
    drawn = [wafers(DRAWN, 32, 6_000 + 100 * seed + i, [name])[0][:labels] for i, name in enumerate(CLASSES)]
    return maps(np.concatenate(drawn), np.repeat(np.arange(len(CLASSES)), labels))


def dense(classes: int = 9) -> nn.Sequential:
    """Chapter 1's: 1,024 places -> 128 neurons -> scores, float64."""
    layers = nn.Flatten(), nn.Linear(1024, 128), nn.ReLU(), nn.Linear(128, classes)
    return nn.Sequential(*layers).double()


def measured(model: nn.Module, train: training.Data, test: training.Data) -> dict[str, float]:
    """What is kept of a run: fractions right, and on the test wafers the loss in nats and the calibration error."""
    said, labels = training.scores(model, test[0], 250).cpu().numpy(), test[1].numpy()
    return {
        "train": round(training.evaluate(model, train)[1], 4),
        "test": round(float((said.argmax(1) == labels).mean()), 4),
        "loss": round(metrics.cross_entropy(said, labels), 4),
        "calibration": round(metrics.expected_calibration_error(metrics.softmax(said), labels), 4),
    }


def cure(
    name: str, seed: int, test: training.Data | None = None, epochs: int = EPOCHS
) -> tuple[nn.Module, training.History]:
    """The network of CURES[name] after training on ten labels a class.

    test: what the history measures after each epoch. With early stopping that is two labels a class of the ten, which
    are not trained on; the weights of the best epoch are left.
    """
    change = dict(CURES[name])
    rate, weight_decay = change.pop("rate", RATE), change.pop("weight_decay", 0.0)
    augment, stop = change.pop("augment", None), change.pop("stop", False)
    train = labelled(LABELS, seed)
    if stop:
        apart = torch.arange(len(train[1])) % LABELS >= LABELS - VALIDATION
        test, train = (train[0][apart], train[1][apart]), (train[0][~apart], train[1][~apart])
    torch.manual_seed(seed)
    model = classifier(**{"head": "dense", **change})
    history = training.fit(
        model,
        train,
        test,
        epochs=epochs,
        learning_rate=rate,
        batch_size=BATCH,
        weight_decay=weight_decay,
        seed=seed,
        augment=augment,
        keep_best=stop,
    )
    return model, history


def cures(seed: int) -> Iterable[dict]:
    """One row for each cure."""
    test = unseen()
    for name in CURES:
        model, _ = cure(name, seed)
        yield {"cure": name, "seed": seed, **measured(model, labelled(LABELS, seed), test)}


def dense_runs(augment: regularise.Augment | None) -> list[float]:
    """Fractions of the test wafers that chapter 1's dense network names rightly after the same ninety, seed by seed."""
    test, found = unseen(), []
    for seed in SEEDS:
        torch.manual_seed(seed)
        model, train = dense(), labelled(LABELS, seed)
        training.fit(
            model, train, None, epochs=EPOCHS, learning_rate=3e-3, batch_size=BATCH, seed=seed, augment=augment
        )
        found.append(measured(model, train, test)["test"])
    return found


def descend(norm: str, rate: float, seed: int, labels: int = 30, epochs: int = 4) -> dict[str, float]:
    """Plain gradient descent on a few labels a class: the last epoch's mean loss, and what happened on the way.

    Convolutions start from He's variances, with and without normalisation.
    moved: how far the means of the maps that reach the fourth convolution move from one step to the next, in their
    standard deviations (a quotient of lengths over the channels), the mean over steps: the "covariate shift".
    agree: cosine between the batch's gradient before and after the step that it asked for, the mean over steps: 1 if
    the slope still points the same way, so that the step could be trusted.
    """
    x, y = labelled(labels, seed)
    torch.manual_seed(seed)
    model = classifier("mean", NORMS[norm])
    he_initialise(model)
    parameters = list(model.parameters())
    reads: list[torch.Tensor] = []
    fourth = [m for m in model if isinstance(m, nn.Conv2d)][3]
    fourth.register_forward_hook(lambda module, inputs, output: reads.append(inputs[0].detach()))
    shuffle = torch.Generator().manual_seed(seed)
    moved, agree, before = [], [], None
    losses: list[float] = []
    for _ in range(epochs):
        losses = []
        for step, batch in enumerate(torch.randperm(len(x), generator=shuffle).split(30)):
            loss = F.cross_entropy(model(x[batch]), y[batch])
            slopes = torch.autograd.grad(loss, parameters)
            means, spread = reads[-1].mean((0, 2, 3)), reads[-1].std((0, 2, 3))
            if before is not None:
                moved.append(((means - before).norm() / (spread.norm() + 1e-9)).item())
            before = means
            with torch.no_grad():
                for parameter, slope in zip(parameters, slopes, strict=True):
                    parameter.sub_(rate * slope)
            if step % 5 == 0:
                again = torch.autograd.grad(F.cross_entropy(model(x[batch]), y[batch]), parameters)
                one, two = (torch.cat([s.ravel() for s in part]) for part in (slopes, again))
                agree.append(F.cosine_similarity(one, two, dim=0).item())
            reads.clear()
            losses.append(loss.item())
    return {"loss": float(np.mean(losses)), "moved": float(np.mean(moved)), "agree": float(np.mean(agree))}


TABLES: dict[str, Callable[[int], Iterable[dict]]] = {"cures": cures}


def results(table: str) -> list[dict]:
    """The committed rows of a table."""
    return json.loads(RESULTS.read_text())[table]


def write(tables: dict[str, list[dict]]) -> None:
    """Write the tables, one row a line."""
    parts = []
    for name, rows in sorted(tables.items()):
        parts.append(f'"{name}": [\n' + ",\n".join(json.dumps(row) for row in rows) + "\n]")
    RESULTS.write_text("{\n" + ",\n".join(parts) + "\n}\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("table", nargs="*", default=list(TABLES), help="which tables to measure; all by default")
    torch.set_num_threads(1)
    for table in parser.parse_args().table:
        rows = []
        for seed in SEEDS:
            for row in TABLES[table](seed):
                rows.append(row)
                print(table, {k: v for k, v in row.items() if not isinstance(v, list)}, flush=True)
        old = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
        write({**old, table: rows})


if __name__ == "__main__":
    main()
