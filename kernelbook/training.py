"""One short training loop for every chapter, and the honest way to report what came out of it.

A single run of a network says little: another seed gives another number. So `over_seeds` trains the same recipe
several times, and `Spread` prints mean and standard deviation to no more digits than they support.
"""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F
from tqdm.auto import tqdm

from kernelbook.regularise import Augment

Data = tuple[torch.Tensor, torch.Tensor]  # inputs (N, C, H, W) float32, labels (N,) int64


@dataclass
class History:
    """What one training run did, epoch by epoch."""

    train_loss: list[float] = field(default_factory=list)  # mean cross-entropy over the epoch, in nats
    train_accuracy: list[float] = field(default_factory=list)  # fraction right, measured while training
    test_loss: list[float] = field(default_factory=list)  # mean cross-entropy after the epoch, in nats
    test_accuracy: list[float] = field(default_factory=list)  # fraction right after the epoch
    seconds: float = 0.0  # wall-clock time of the run


def tensors(images: np.ndarray, labels: np.ndarray) -> Data:
    """NumPy images (N, C, H, W) and labels (N,) as float32 and int64 tensors."""
    return torch.as_tensor(images, dtype=torch.float32), torch.as_tensor(labels, dtype=torch.int64)


def fit(
    model: nn.Module,
    train: Data,
    test: Data | None,
    *,
    epochs: int,
    learning_rate: float = 1e-3,
    batch_size: int = 64,
    weight_decay: float = 0.0,
    seed: int = 0,
    progress: bool = False,
    augment: Augment | None = None,
    keep_best: bool = False,
) -> History:
    """Train `model` in place with Adam (AdamW if `weight_decay` is not 0) on cross-entropy.

    train, test: inputs (N, C, H, W) and labels (N,); both are moved to the model's device. test=None measures nothing
        after the epochs, which is quicker.
    learning_rate: the first one; it falls to 0 along a half cosine over the run.
    seed: fixes the order of the batches and dropout, not the model's initial weights (`over_seeds` fixes both).
    progress: show a bar while it runs. It goes when the run ends, and never gets into a committed chapter.
    augment: changes each batch before the network sees it, see `kernelbook.regularise`. The training accuracy then
        compares what the network says of a changed picture with the label that the unchanged one had.
    keep_best: leave the weights of the epoch whose `test_loss` was lowest (early stopping; `test` is then no test any
        more, but a validation set).

    Returns the run's History. Raises ValueError if inputs and labels differ in number, and for keep_best without test.
    """
    if keep_best and test is None:
        raise ValueError("keep_best needs a validation set: give `test`")
    for name, given in {"train": train, "test": test}.items():
        if given is not None and len(given[0]) != len(given[1]):
            raise ValueError(f"{name} has {len(given[0])} inputs but {len(given[1])} labels")
    device = next(model.parameters()).device
    x, y = (part.to(device) for part in train)
    torch.manual_seed(seed)
    shuffle = torch.Generator().manual_seed(seed)
    optimiser = torch.optim.AdamW(model.parameters(), lr=learning_rate, weight_decay=weight_decay)
    steps = epochs * -(-len(x) // batch_size)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, max(steps, 1))
    history, start = History(), time.perf_counter()
    best: tuple[float, dict[str, torch.Tensor]] = math.inf, {}

    for _ in _watched(range(epochs), progress):
        model.train()
        loss_sum = right = 0.0
        for batch in torch.randperm(len(x), generator=shuffle).split(batch_size):
            batch = batch.to(device)
            inputs, targets = (x[batch], y[batch]) if augment is None else augment(x[batch], y[batch])
            said = model(inputs)
            loss = F.cross_entropy(said, targets)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
            loss_sum += loss.item() * len(batch)
            right += (said.argmax(1) == y[batch]).sum().item()
        history.train_loss.append(loss_sum / len(x))
        history.train_accuracy.append(right / len(x))
        if test is not None:
            measured = evaluate(model, test)
            history.test_loss.append(measured[0])
            history.test_accuracy.append(measured[1])
            if keep_best and measured[0] < best[0]:
                best = measured[0], copy.deepcopy(model.state_dict())
    if best[1]:
        model.load_state_dict(best[1])
    history.seconds = time.perf_counter() - start
    return history


def _watched(things: Iterable[Any], progress: bool) -> Iterable[Any]:
    """`things`, with a bar if `progress`. TQDM_DISABLE=1 silences it: so `make execute` and `make verify` see none."""
    return tqdm(things, leave=False) if progress else things


@torch.no_grad()
def scores(model: nn.Module, inputs: torch.Tensor, batch_size: int = 64) -> torch.Tensor:
    """What `model` says of `inputs` (N, C, H, W) in evaluation mode, on its own device: (N, classes)."""
    model.eval()
    device = next(model.parameters()).device
    return torch.cat([model(part.to(device)) for part in inputs.split(batch_size)])


def predict(model: nn.Module, inputs: torch.Tensor, batch_size: int = 64) -> torch.Tensor:
    """The class with the highest score for each of `inputs` (N, C, H, W), in evaluation mode: (N,) int64."""
    return scores(model, inputs, batch_size).argmax(1)


def evaluate(model: nn.Module, test: Data, batch_size: int = 64) -> tuple[float, float]:
    """Mean cross-entropy in nats, and the fraction right, over `test`, in evaluation mode."""
    said = scores(model, test[0], batch_size)
    labels = test[1].to(said.device)
    return F.cross_entropy(said, labels).item(), (said.argmax(1) == labels).float().mean().item()


@dataclass(frozen=True)
class Spread:
    """Results of the same recipe under several seeds. Prints as `mean ± standard deviation`, both in percent."""

    values: tuple[float, ...]  # fractions, one for each seed

    @property
    def mean(self) -> float:
        """Mean over the seeds, a fraction."""
        return float(np.mean(self.values))

    @property
    def deviation(self) -> float:
        """Standard deviation over the seeds (with n - 1), a fraction; 0 for a single seed."""
        return float(np.std(self.values, ddof=1)) if len(self.values) > 1 else 0.0

    def __str__(self) -> str:
        return f"{100 * self.mean:.0f} ± {max(1, round(100 * self.deviation)):.0f} %"


def over_seeds(run: Callable[[int], float], seeds: Sequence[int] = range(5), *, progress: bool = False) -> Spread:
    """Call `run(seed)` for every seed, with torch's own seed set before each call, and collect what it returns.

    run: builds a model, trains it and returns a fraction such as the test accuracy.
    """
    values = []
    for seed in _watched(seeds, progress):
        torch.manual_seed(seed)
        values.append(run(seed))
    return Spread(tuple(values))
