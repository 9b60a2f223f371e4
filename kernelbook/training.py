"""One short training loop for every chapter, and the honest way to report what came out of it.

A single run of a network says little: another seed gives another number. So `over_seeds` trains the same recipe
several times, and `Spread` prints mean and standard deviation to no more digits than they support.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F
from tqdm.auto import tqdm

Data = tuple[torch.Tensor, torch.Tensor]  # inputs (N, C, H, W) float32, labels (N,) int64


@dataclass
class History:
    """What one training run did, epoch by epoch."""

    train_loss: list[float] = field(default_factory=list)  # mean cross-entropy over the epoch, in nats
    train_accuracy: list[float] = field(default_factory=list)  # fraction right, measured while training
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
) -> History:
    """Train `model` in place with Adam (AdamW if `weight_decay` is not 0) on cross-entropy.

    train, test: inputs (N, C, H, W) and labels (N,); both are moved to the model's device. test=None measures nothing
        after the epochs, which is quicker.
    learning_rate: the first one; it falls to 0 along a half cosine over the run.
    seed: fixes the order of the batches and dropout, not the model's initial weights (`over_seeds` fixes both).

    Returns the run's History. Raises ValueError if inputs and labels differ in number.
    """
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

    for _ in tqdm(range(epochs), disable=not progress, leave=False):
        model.train()
        loss_sum = right = 0.0
        for batch in torch.randperm(len(x), generator=shuffle).split(batch_size):
            batch = batch.to(device)
            scores = model(x[batch])
            loss = F.cross_entropy(scores, y[batch])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
            loss_sum += loss.item() * len(batch)
            right += (scores.argmax(1) == y[batch]).sum().item()
        history.train_loss.append(loss_sum / len(x))
        history.train_accuracy.append(right / len(x))
        if test is not None:
            history.test_accuracy.append((predict(model, test[0]).cpu() == test[1].cpu()).float().mean().item())
    history.seconds = time.perf_counter() - start
    return history


@torch.no_grad()
def predict(model: nn.Module, inputs: torch.Tensor, batch_size: int = 64) -> torch.Tensor:
    """The class with the highest score for each of `inputs` (N, C, H, W), in evaluation mode: (N,) int64."""
    model.eval()
    device = next(model.parameters()).device
    return torch.cat([model(part.to(device)).argmax(1) for part in inputs.split(batch_size)])


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
    for seed in tqdm(seeds, disable=not progress, leave=False):
        torch.manual_seed(seed)
        values.append(run(seed))
    return Spread(tuple(values))
