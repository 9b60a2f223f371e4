"""A class for every pixel: the smallest encoder and decoder that shows what U-Net's skips are for, and its measure.

Long, Shelhamer and Darrell 2015 ("Fully convolutional networks for semantic segmentation") replace the head of a
classifier by maps; Ronneberger, Fischer and Brox 2015 ("U-Net") climb back step by step and let every step look at the
encoder's map of its size.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional as F

from kernelbook.checkpoints.texture_cnn import CHANNELS

Floats = NDArray[np.float32]


def fault_masks(struck: Floats) -> Floats:
    """What a segmenter is to mark: 1 where the fault makes a die at least half as likely to fail as its worst die.

    struck: (N, 1, H, W), each die's probability to fail by the fault, from `data.faults`. Returns the same shape,
    float32. A mask holds dies that passed by luck and leaves out dies that failed as dust; where no fault struck it is
    empty.
    """
    worst = struck.max((1, 2, 3), keepdims=True)
    return ((struck >= worst / 2) & (struck > 0)).astype(np.float32)


class Segmenter(nn.Module):
    """Marks where the fault struck: maps (N, 1, H, W) -> one score a die, (N, 1, H, W), above 0 for "marked".

    Down: the four stages of the book's small classifier, so that a pretrained one fits. Up: three times double the map
    (nearest neighbour) and convolve 3 x 3; with `skips` the convolution also reads the stage's map of that size.
    """

    def __init__(self, stages: nn.ModuleList, skips: bool = True) -> None:
        super().__init__()
        self.stages, self.skips = stages, skips
        steps = list(pairwise(reversed(CHANNELS[1:])))  # (32, 24), (24, 16), (16, 8)
        self.up = nn.ModuleList(
            nn.Sequential(nn.Conv2d(i + o if skips else i, o, 3, padding=1, bias=False), nn.BatchNorm2d(o), nn.ReLU())
            for i, o in steps
        )
        self.head = nn.Conv2d(CHANNELS[1], 1, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        maps = []
        for stage in self.stages:
            x = stage(x)
            maps.append(x)
        for step, beside in zip(self.up, reversed(maps[:-1]), strict=True):
            x = F.interpolate(x, size=beside.shape[2:], mode="nearest")
            x = step(torch.cat([x, beside], 1) if self.skips else x)
        return self.head(x)


def iou(marked: torch.Tensor, truth: torch.Tensor) -> float:
    """Intersection over union of two masks of one shape, over all their places; 1 if both are empty.

    Masks are boolean, or numbers that count as marked above 0. Raises ValueError for two shapes.
    """
    if marked.shape != truth.shape:
        raise ValueError(f"masks must have one shape, got {tuple(marked.shape)} and {tuple(truth.shape)}")
    one, other = marked > 0, truth > 0
    union = (one | other).sum().item()
    return (one & other).sum().item() / union if union else 1.0


def box_iou(one: tuple[float, float, float, float], other: tuple[float, float, float, float]) -> float:
    """Intersection over union of two boxes (left, top, right, bottom), right and bottom outside; 0 if both are empty.

    Raises ValueError for a box that ends before it begins.
    """
    for box in (one, other):
        if box[2] < box[0] or box[3] < box[1]:
            raise ValueError(f"a box is (left, top, right, bottom) with right >= left and bottom >= top, got {box}")
    wide = max(0.0, min(one[2], other[2]) - max(one[0], other[0]))
    high = max(0.0, min(one[3], other[3]) - max(one[1], other[1]))
    areas = sum((box[2] - box[0]) * (box[3] - box[1]) for box in (one, other))
    union = areas - wide * high
    return wide * high / union if union else 0.0


def suppress(boxes: list[tuple[float, float, float, float]], scores: list[float], limit: float = 0.5) -> list[int]:
    """Non-maximum suppression: which boxes stay, by falling score, if none may overlap a better one above `limit` IoU.

    Raises ValueError unless there is one score a box.
    """
    if len(boxes) != len(scores):
        raise ValueError(f"expected one score a box, got {len(scores)} for {len(boxes)}")
    kept: list[int] = []
    for i in sorted(range(len(boxes)), key=lambda i: -scores[i]):
        if all(box_iou(boxes[i], boxes[j]) <= limit for j in kept):
            kept.append(i)
    return kept
