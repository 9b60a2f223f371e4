"""Do maps of evidence lie on the fault? `python -m kernelbook.experiments.localisation` measures it: localisation.json.

On drawn wafers it is known where the fault struck, so each method of :mod:`kernelbook.attribution` can be asked three
questions that a map of a photograph can't answer. They are asked of five networks, one for each seed, which all have
the architecture of :mod:`kernelbook.checkpoints.wafer_cnn` and a shorter training:

    mass      which share of the map lies on the fault? beside it: the same network with all its training taken away,
              and three maps that no network made
    cascade   how alike are the map and the map after the last 1, 2, ... layers have become random? (rank correlation)
    asked     on wafers with two faults: of what lies on either, which share is on the fault that the map was asked for?

Only dies count, never the corners round the wafer, where most maps are zero and all would agree.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from kernelbook import attribution, checkpoints, training
from kernelbook.checkpoints import wafer_cnn, wafer_vit
from kernelbook.data import CLASSES, faults, wafers

SIZE = 32
PLACED = ("center", "donut", "edge-loc", "edge-ring", "loc", "scratch")  # classes whose fault is somewhere
PAIRS = (("scratch", "edge-ring"), ("loc", "edge-ring"), ("center", "edge-ring"), ("center", "edge-loc"))
SEEDS = (0, 1, 2, 3, 4)
TRAIN, EPOCHS = 6_000, 8
WAFERS = 30  # a class
RESULTS = Path(__file__).with_suffix(".json")

Method = Callable[[nn.Module, torch.Tensor, attribution.Target], torch.Tensor]

DISC = torch.from_numpy(wafers(1, SIZE, 0)[0][0, 0] > 0)
CLEAN = 0.5 * DISC.double()[None]
"""A wafer on which every die passed, (1, 32, 32): what "nothing there" means here."""


def _occlusion(model: nn.Module, x: torch.Tensor, target: attribution.Target) -> torch.Tensor:
    falls = attribution.occlusion(model, x, target, window=4, stride=2, fill=CLEAN)
    return attribution.per_pixel(falls, (SIZE, SIZE), window=4, stride=2)


def _grad_cam(model: nn.Module, x: torch.Tensor, target: attribution.Target) -> torch.Tensor:
    assert isinstance(model, wafer_cnn.WaferCNN)
    return attribution.enlarged(attribution.grad_cam(model, model.relus[-1], x, target), (SIZE, SIZE))


def _integrated(model: nn.Module, x: torch.Tensor, target: attribution.Target) -> torch.Tensor:
    return attribution.integrated_gradients(model, x, target, baseline=CLEAN, steps=32)


def _rollout(model: nn.Module, x: torch.Tensor, target: attribution.Target) -> torch.Tensor:
    flow = attribution.attention_rollout(wafer_vit.attention(model, x))
    return attribution.enlarged(flow, (SIZE, SIZE))


METHODS: dict[str, Method] = {
    "saliency": attribution.saliency,
    "gradient x input": attribution.gradient_times_input,
    "integrated gradients": _integrated,
    "guided backprop": attribution.guided_backprop,
    "Grad-CAM": _grad_cam,
    "occlusion": _occlusion,
}
VIT_METHODS: dict[str, Method] = {
    **{name: METHODS[name] for name in ("saliency", "gradient x input", "integrated gradients", "occlusion")},
    "attention rollout": _rollout,
}


def network(seed: int) -> nn.Module:
    """A network with the architecture of `wafer_cnn`, trained from this seed on wafers of its own, float64."""
    torch.manual_seed(seed)
    model = wafer_cnn._Normalised()
    data = training.tensors(*wafers(TRAIN, SIZE, 7_000 + seed))
    training.fit(model, data, None, epochs=EPOCHS, learning_rate=5e-3, batch_size=64, weight_decay=2e-2, seed=seed)
    return model.folded().double().eval()


def placed(number: int = WAFERS, first_seed: int = 8_000) -> dict[str, tuple[torch.Tensor, torch.Tensor]]:
    """For each of PLACED: wafers (number, 1, 32, 32), float64, and where their fault struck (number, 32, 32), boolean.

    A die belongs to the fault if its chance to fail by it is at least half of the wafer's largest.
    """
    found = {}
    for i, name in enumerate(PLACED):
        images, _ = wafers(number, SIZE, first_seed + i, [name])
        struck = faults(number, SIZE, first_seed + i, [name])[0][:, 0]
        places = struck >= struck.max((1, 2), keepdims=True) / 2
        found[name] = torch.from_numpy(images).double(), torch.from_numpy(places)
    return found


def both(one: str, other: str, number: int = WAFERS) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Wafers with two faults (number, 1, 32, 32), and the dies that only the one and only the other struck."""
    (x, here), (z, there) = (placed(number, seed)[name] for name, seed in ((one, 8_100), (other, 8_200)))
    return torch.maximum(x, z), here & ~there, there & ~here


def evidence(method: Method, model: nn.Module, x: torch.Tensor, target: str) -> torch.Tensor:
    """The map of one method for one class, (N, 32, 32); 0 where there is no die."""
    return method(model, x, CLASSES.index(target)).detach() * DISC


def coarse(places: torch.Tensor, cells: int = 8) -> torch.Tensor:
    """The best that a map of 8 x 8 cells can do: the places themselves (N, H, W), averaged over cells and enlarged."""
    mean = nn.functional.adaptive_avg_pool2d(places.double()[:, None], cells)[:, 0]
    return attribution.enlarged(mean, (SIZE, SIZE)) * DISC


def _mean(values: list[torch.Tensor]) -> float:
    return round(torch.cat([v.double() for v in values]).mean().item(), 4)


def without_network(number: int = WAFERS) -> dict[str, dict[str, float]]:
    """Mass on the fault, by class, of three maps that no network made."""
    maps: dict[str, Callable[[torch.Tensor, torch.Tensor], torch.Tensor]] = {
        "same everywhere": lambda x, places: DISC.double().expand(len(x), -1, -1),
        "failed dies": lambda x, places: (x[:, 0] == 1).double(),
        "best of 8 x 8": lambda x, places: coarse(places),
    }
    return {
        name: {kind: _mean([attribution.mass_on(make(x, p), p)]) for kind, (x, p) in placed(number).items()}
        for name, make in maps.items()
    }


def mass(model: nn.Module, methods: Mapping[str, Method], number: int = WAFERS) -> dict[str, dict[str, float]]:
    """For each method the mass on the fault, by class: means over `number` wafers, each asked for its own class."""
    return {
        name: {
            kind: _mean([attribution.mass_on(evidence(method, model, x, kind), places)])
            for kind, (x, places) in placed(number).items()
        }
        for name, method in methods.items()
    }


def cascade(model: nn.Module, seed: int, methods: Mapping[str, Method], number: int = 10) -> dict[str, list[float]]:
    """For each method the rank correlation with the trained network's map when 0, 1, ... 5 layers are random."""
    pictures = placed(number)
    others = [attribution.randomised(model, layers, seed) for layers in range(6)]
    found: dict[str, list[float]] = {}
    for name, method in methods.items():
        maps = [
            {kind: evidence(method, other, x, kind)[:, None, DISC] for kind, (x, _) in pictures.items()}
            for other in others
        ]
        found[name] = [
            _mean([attribution.rank_correlation(maps[0][kind], one[kind]) for kind in PLACED]) for one in maps
        ]
    return found


def asked(model: nn.Module, methods: Mapping[str, Method], number: int = WAFERS) -> dict[str, list[float]]:
    """For each method two means: the first fault's share of what lies on either, asked for it, and for the other."""
    found: dict[str, list[float]] = {}
    for name, method in methods.items():
        shares: list[list[torch.Tensor]] = [[], []]
        for one, other in PAIRS:
            x, here, there = both(one, other, number)
            for place, kind in enumerate((one, other)):
                on = evidence(method, model, x, kind).clamp(min=0)
                mine, both_ = (on * here).sum((1, 2)), (on * (here | there)).sum((1, 2))
                shares[place].append(torch.where(both_ > 0, mine / both_.clamp(min=1e-300), 0.5))
        found[name] = [_mean(part) for part in shares]
    return found


def accuracy(model: nn.Module) -> float:
    """Fraction of 2,000 wafers that the network names rightly."""
    x, y = training.tensors(*wafers(2_000, SIZE, 9_000))
    return round(training.evaluate(model, (x.double(), y), 500)[1], 4)


def measure(seed: int) -> dict[str, Any]:
    """Everything about the network of one seed."""
    model = network(seed)
    row: dict[str, Any] = {
        "seed": seed,
        "accuracy": accuracy(model),
        "mass": mass(model, METHODS),
        "mass, random weights": mass(attribution.randomised(model, seed=seed), METHODS),
        "cascade": cascade(model, seed, METHODS),
        "asked": asked(model, METHODS),
    }
    means = {name: round(float(np.mean(list(by.values()))), 3) for name, by in row["mass"].items()}
    print(seed, row["accuracy"], means, flush=True)
    return row


def stored_networks(number: int) -> dict[str, Any]:
    """The two networks that come with the book, on a few wafers: what a chapter can measure again in seconds."""
    cnn, vit = (checkpoints.load(name).double() for name in ("wafer_cnn", "wafer_vit"))
    return {"wafers": number, "wafer_cnn": mass(cnn, METHODS, number), "wafer_vit": mass(vit, VIT_METHODS, number)}


def results() -> dict[str, Any]:
    """What was measured and stored."""
    return json.loads(RESULTS.read_text())


if __name__ == "__main__":
    torch.set_num_threads(1)
    everything = {
        "wafers": WAFERS,
        "without network": without_network(),
        "stored": stored_networks(6),
        "networks": [measure(seed) for seed in SEEDS],
    }
    RESULTS.write_text(json.dumps(everything, indent=1) + "\n")
