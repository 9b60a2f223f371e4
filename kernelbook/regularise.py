"""Ways to make a network depend less on the very pictures that it was trained on.

`dropout` switches numbers off; `symmetries` turns and mirrors pictures; `mixup` and `cutmix` mix two pictures *and*
their labels. These do what they are told; the random versions for `kernelbook.training.fit(augment=...)`, which draw
with PyTorch's generator, are `random_symmetries`, `random_shifts`, `random_mixup`, `random_cutmix` and `together`.

x: (N, C, H, W), NumPy or PyTorch where not said otherwise. labels: (N,) whole numbers. shares: (N, classes), what part
of a picture belongs to which class; each row adds up to 1. No function changes its arguments.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import torch
from torch.nn import functional as F

Augment = Callable[[torch.Tensor, torch.Tensor], tuple[torch.Tensor, torch.Tensor]]
"""Inputs (N, C, H, W), and labels (N,) or shares (N, classes), of a batch -> the same of another batch."""


class Box(NamedTuple):
    """A part of a picture: first row and column, and the ones after the last."""

    top: int
    left: int
    bottom: int
    right: int

    @property
    def area(self) -> int:
        """In pixels."""
        return (self.bottom - self.top) * (self.right - self.left)


def dropout(x: np.ndarray, kept: np.ndarray, p: float) -> np.ndarray:
    """x where `kept` is 1, else 0, divided by the chance 1 - p of being kept, so that the mean stays the same.

    x, kept: one shape. The slope at x is the slope at the answer, treated alike: dropout(slopes, kept, p).
    Raises ValueError unless 0 <= p < 1 and the shapes are equal. Source: Srivastava et al. 2014, "Dropout", section 10.
    """
    if not 0 <= p < 1:
        raise ValueError(f"p, the chance to be switched off, must be at least 0 and less than 1, got {p}")
    if np.shape(x) != np.shape(kept):
        raise ValueError(f"kept must have the shape of x, {np.shape(x)}, got {np.shape(kept)}")
    return np.asarray(x) * kept / (1 - p)


def symmetry(x: Any, which: int) -> Any:
    """x (..., H, W) after one of the eight symmetries of a square.

    which: 0 to 3 quarter turns against the clock; 4 to 7 the same, then left and right exchanged.
    Raises ValueError for another `which`.
    """
    if which not in range(8):
        raise ValueError(f"which must be 0 to 7, got {which}")
    turned = torch.rot90(x, which % 4, (-2, -1)) if isinstance(x, torch.Tensor) else np.rot90(x, which % 4, (-2, -1))
    if which < 4:
        return turned
    return turned.flip(-1) if isinstance(turned, torch.Tensor) else turned[..., ::-1]


def shift(x: Any, down: int, right: int, fill: float = 0.0) -> Any:
    """x (..., H, W) moved by whole pixels; what comes in from outside is `fill`."""
    out = torch.full_like(x, fill) if isinstance(x, torch.Tensor) else np.full_like(x, fill)
    height, width = x.shape[-2:]
    rows, columns = max(height - abs(down), 0), max(width - abs(right), 0)
    top, left = max(-down, 0), max(-right, 0)  # where the part that stays is read
    out[..., top + down : top + down + rows, left + right : left + right + columns] = x[
        ..., top : top + rows, left : left + columns
    ]
    return out


def _ordered(x: Any, shares: Any, order: Any) -> None:
    if len(x) != len(shares) or len(x) != len(order):
        raise ValueError(f"expected as many shares and partners as inputs, {len(x)}, got {len(shares)}, {len(order)}")
    if shares.ndim != 2:
        raise ValueError(f"shares must be (N, classes), got shape {tuple(shares.shape)}")


def mixup(x: Any, shares: Any, weight: float, order: Any) -> tuple[Any, Any]:
    """Blend every picture, and its label, with a partner: weight of the first, 1 - weight of the partner.

    order: (N,) indices; picture i's partner is picture order[i]. Raises ValueError where numbers of pictures differ, or
    for a weight outside 0 to 1. Source: Zhang et al. 2018, "mixup: Beyond empirical risk minimization", section 2.
    """
    _ordered(x, shares, order)
    if not 0 <= weight <= 1:
        raise ValueError(f"weight must be between 0 and 1, got {weight}")
    return weight * x + (1 - weight) * x[order], weight * shares + (1 - weight) * shares[order]


def cut_box(height: int, width: int, weight: float, row: int, column: int) -> Box:
    """The box about (row, column) that takes 1 - weight of the area, less what lies outside the picture.

    Its sides are in the picture's proportions. Source: Yun et al. 2019, "CutMix", section 3.1.
    """
    half = 0.5 * np.sqrt(1 - weight)
    tall, wide = int(half * height), int(half * width)
    return Box(max(row - tall, 0), max(column - wide, 0), min(row + tall, height), min(column + wide, width))


def cutmix(x: Any, shares: Any, box: Box, order: Any) -> tuple[Any, Any]:
    """Paste the box of a partner into every picture, and mix the labels by the area that was replaced.

    order: (N,) indices; picture i's partner is picture order[i]. Raises ValueError where numbers of pictures differ, or
    for a box that is not inside the picture. Source: Yun et al. 2019, "CutMix", section 3.1.
    """
    _ordered(x, shares, order)
    height, width = x.shape[2:]
    top, left, bottom, right = box
    if not (0 <= top <= bottom <= height and 0 <= left <= right <= width):
        raise ValueError(f"the box {tuple(box)} is not inside a picture of {height} x {width}")
    mixed = x.clone() if isinstance(x, torch.Tensor) else x.copy()
    mixed[:, :, top:bottom, left:right] = x[order][:, :, top:bottom, left:right]
    replaced = box.area / (height * width)
    return mixed, (1 - replaced) * shares + replaced * shares[order]


# Random versions, for training


def random_symmetries(x: torch.Tensor, labels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Every picture in one of its eight positions, drawn for each anew; labels stay. Pictures must be square."""
    draws = torch.randint(8, (len(x),))
    turned = x.clone()
    for which in range(1, 8):
        turned[draws == which] = symmetry(x[draws == which], which)
    return turned, labels


def random_shifts(most: int, fill: float = 0.0) -> Augment:
    """Every picture moved by up to `most` pixels, down or up and left or right; labels stay."""

    def augment(x: torch.Tensor, labels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        draws = torch.randint(-most, most + 1, (len(x), 2)).tolist()
        return torch.stack([shift(one, down, right, fill) for one, (down, right) in zip(x, draws, strict=True)]), labels

    return augment


def _shares(x: torch.Tensor, labels: torch.Tensor, classes: int) -> torch.Tensor:
    """Labels as shares; shares as they are."""
    return labels if labels.ndim == 2 else F.one_hot(labels, classes).to(x.dtype)


def _beta(alpha: float) -> float:
    """A number between 0 and 1 from the Beta distribution with both parameters alpha."""
    one, other = torch._standard_gamma(torch.full((2,), alpha, dtype=torch.float64)).tolist()
    return one / (one + other) if one + other > 0 else 0.5


def random_mixup(classes: int, alpha: float = 0.4) -> Augment:
    """MixUp with a weight from Beta(alpha, alpha), one for a batch, and partners at random."""

    def augment(x: torch.Tensor, labels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return mixup(x, _shares(x, labels, classes), _beta(alpha), torch.randperm(len(x)).to(x.device))

    return augment


def random_cutmix(classes: int, alpha: float = 1.0) -> Augment:
    """CutMix with a weight from Beta(alpha, alpha), one box for a batch, and partners at random."""

    def augment(x: torch.Tensor, labels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        height, width = x.shape[2:]
        row, column = int(torch.randint(height, ())), int(torch.randint(width, ()))
        box = cut_box(height, width, _beta(alpha), row, column)
        return cutmix(x, _shares(x, labels, classes), box, torch.randperm(len(x)).to(x.device))

    return augment


def together(*steps: Augment) -> Augment:
    """One augmentation after the other."""

    def augment(x: torch.Tensor, labels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        for step in steps:
            x, labels = step(x, labels)
        return x, labels

    return augment
