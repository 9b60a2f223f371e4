"""Lab: which layers to train for how much data, counted on real networks and measured on the book's own."""

import json
import math
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from traitlets import Enum, Int

from kernelbook.labs import svg
from kernelbook.labs.base import Lab, Still
from kernelbook.labs.plot import Axes

NETWORKS = ("resnet18", "resnet50", "book")
LABELS = (5, 10, 20, 50, 100)
WAYS = {
    "scratch": "From scratch",
    "frozen": "Head only",
    "last": "Last stage and head",
    "all": "Everything, one rate",
    "rates": "Everything, a rate a stage",
}
SOURCES = {"textures": "texture_cnn", "wafers": "other_wafer_cnn"}
SOURCE_TITLES = {"textures": "textured shapes", "wafers": "another product's wafers"}
COLOURS = {"scratch": "#57606a", "frozen": "#2465ab", "last": "#1a7f4b", "all": "#a84c08", "rates": "#8a3ea8"}
DASHES = {"scratch": "2 3", "frozen": "", "last": "7 3", "all": "", "rates": "9 3 2 3"}


@cache
def facts() -> dict[str, Any]:
    """What the page knows as well: `networks`, their stages; `measured`, the transfer experiment's results."""
    return json.loads((Path(__file__).parent / "lib" / "transfer.json").read_text())


def accuracies(source: str, way: str, labels: int) -> np.ndarray:
    """Measured accuracies of one way from one source at one amount of data, a fraction for each seed."""
    wanted = ("none" if way == "scratch" else SOURCES[source], way, labels)
    (found,) = (r for r in facts()["measured"]["results"] if (r["source"], r["way"], r["labels"]) == wanted)
    return np.array(found["accuracies"])


def ways_from(source: str) -> dict[str, str]:
    """The ways that were measured from a source, with their titles."""
    done = {r["way"] for r in facts()["measured"]["results"] if r["source"] in ("none", SOURCES[source])}
    return {way: title for way, title in WAYS.items() if way in done}


class TransferPlan(Lab):
    """A plan for transfer learning: where the weights come from, which stages are trained, for how many labels.

    Trainable parameters are counted on torchvision's ResNets and on the book's small network; what each plan is worth
    is measured, with the small network, by :mod:`kernelbook.experiments.transfer`: mean and deviation over five seeds.

    Args:
        network: "resnet18", "resnet50" or "book". classes: of the new task, 2 to 1,000.
        start: "pretrained" or "scratch". trained: 0 to 5, how many of the last stages are trained beside the head.
        rates: "one" learning rate, or a smaller one for each earlier "stage".
        source: what the small network was pretrained on: "textures", a far task, or "wafers" of another product.
        labels: a class, 5, 10, 20, 50 or 100.

    Raises:
        TraitError: for a value outside these. More stages than there are means all of them.
    """

    network = Enum(NETWORKS, "resnet50").tag(sync=True)
    classes = Int(9, min=2, max=1000).tag(sync=True)
    start = Enum(("pretrained", "scratch"), "pretrained").tag(sync=True)
    trained = Int(1, min=0, max=5).tag(sync=True)
    rates = Enum(("one", "stage"), "one").tag(sync=True)
    source = Enum(tuple(SOURCES), "textures").tag(sync=True)
    labels = Enum(LABELS, 20).tag(sync=True)

    def stages(self) -> list[tuple[str, int, bool]]:
        """Name, learnable parameters, and whether it is trained, from the input to the head."""
        network = facts()["networks"][self.network]
        kept = 0 if self.start == "scratch" else len(network["stages"]) - min(self.trained, len(network["stages"]))
        stages = [(stage["name"], stage["parameters"], i >= kept) for i, stage in enumerate(network["stages"])]
        return [*stages, ("head", (network["features"] + 1) * self.classes, True)]

    def way(self) -> str:
        """Which of the five measured ways this plan is; empty for one that was not measured."""
        stages = len(facts()["networks"][self.network]["stages"])
        if self.start == "scratch":
            return "scratch"
        if self.trained >= stages:
            return "all" if self.rates == "one" else "rates"
        return {0: "frozen", 1: "last"}.get(self.trained, "")

    def still(self) -> Still:
        caption = "Lab: what to freeze for how much data, counted on real networks and measured on the book's own."
        stages = self.stages()
        total, trainable = (sum(n for _, n, t in stages if t or every) for every in (True, False))
        title = facts()["networks"][self.network]["title"]
        label = (
            f"{title} with {self.classes} classes: this plan trains {trainable:,} of {total:,} parameters "
            f"({100 * trainable / total:.1f} %)."
        )
        measured = ", ".join(
            f"{name.lower()} {_spread(accuracies(self.source, way, self.labels))}"
            for way, name in ways_from(self.source).items()
        )
        source = SOURCE_TITLES[self.source]
        words = f"{label} Measured from {source} to wafers with {self.labels} labels a class: {measured}."
        return Still(self._draw(label, stages), words, caption)

    def _draw(self, label: str, stages: list[tuple[str, int, bool]]) -> str:
        """The network as a stack of bars; beside it accuracy over the number of labels."""
        parts = [svg.text(16, 24, facts()["networks"][self.network]["title"], anchor="start", weight=600)]
        most = max(n for _, n, _ in stages)
        for i, (name, count, trained) in enumerate(stages):
            y = 58 + 42 * i
            width = max(2.0, 200 * count / most)
            fill = "#a84c08" if trained else "#c9d1da"
            parts += [
                svg.text(16, y, f"{name}: {count:,} {'trained' if trained else 'frozen'}", 12, anchor="start"),
                f'<rect x="16" y="{y + 9}" width="{width:.1f}" height="13" fill="{fill}"/>',
            ]
        axes = Axes(330, 48, 374, 170, (4, 120), (0, 1), log_x=True)
        ticks, shares = [(float(n), str(n)) for n in LABELS], [(v / 5, f"{20 * v} %") for v in range(6)]
        parts.append(axes.frame(f"Accuracy, from {SOURCE_TITLES[self.source]}", "labels a class", ticks, shares))
        for i, (way, name) in enumerate(ways_from(self.source).items()):
            found = [accuracies(self.source, way, n) for n in LABELS]
            parts.append(axes.line(LABELS, [float(f.mean()) for f in found], COLOURS[way], DASHES[way]))
            for n, f in zip(LABELS, found, strict=True):
                x, low, high = axes.x(n), axes.y(f.mean() - f.std(ddof=1)), axes.y(f.mean() + f.std(ddof=1))
                parts.append(f'<path d="M{x:.1f} {low:.1f}V{high:.1f}" stroke="{COLOURS[way]}" stroke-width="1.5"/>')
            x, y = 330 + 190 * (i % 2), 274 + 18 * (i // 2)
            dashes = f' stroke-dasharray="{DASHES[way]}"' if DASHES[way] else ""
            parts.append(f'<path d="M{x} {y}h26" stroke="{COLOURS[way]}" stroke-width="2.2"{dashes}/>')
            parts.append(svg.text(x + 32, y, name, 12, COLOURS[way], "start", 700 if way == self.way() else 400))
        return svg.drawing(720, max(58 + 42 * len(stages), 326), label, parts)


def _spread(values: np.ndarray) -> str:
    """Mean and deviation in percent, to no more digits than the deviation supports."""
    deviation = max(1, round(100 * float(values.std(ddof=1))))
    return f"{math.floor(100 * float(values.mean()) + 0.5)} ± {deviation} %"
