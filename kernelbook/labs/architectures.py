"""Lab: the landmark networks from 1989 to 2022, layer by layer and against each other."""

import json
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from traitlets import Enum, Int

from kernelbook.labs import svg
from kernelbook.labs.base import Lab, Still
from kernelbook.labs.plot import Axes

_DATA: dict[str, Any] = json.loads((Path(__file__).parent / "lib" / "networks.json").read_text())
NETWORKS = tuple(_DATA["nets"])
MEASURES = {
    "year": "Year",
    "parameters": "Parameters",
    "multiplyAdds": "Multiply-adds",
    "activations": "Activations",
    "top1": "Top-1 accuracy, %",
}


class Network(NamedTuple):
    """What a network costs for one picture."""

    title: str
    family: str
    year: int
    size: int  # pixels a side
    parameters: int
    multiplyAdds: int  # as the page names it
    activations: int  # numbers put out by convolutions and linear layers
    weights: list[list[Any]]  # name, top-1 and top-5 accuracy in percent, pixels


@cache
def network(name: str) -> Network:
    """One of NETWORKS, its costs summed over the layers that lib/networks.json lists."""
    net = _DATA["nets"][name]
    parameters = work = activations = 0
    for _, _, times, codes in net["blocks"]:
        for code in codes.split(";"):
            costs = _cost(code.removeprefix("^"))
            parameters, work = parameters + times * costs[0], work + times * costs[1]
            activations += times * costs[2]
    year = net.get("year", _DATA["families"][net["family"]][0])
    return Network(net["title"], net["family"], year, net["size"], parameters, work, activations, net["weights"])


def _cost(code: str) -> tuple[int, int, int]:
    """Parameters, multiply-adds and activations of one layer, by its code (lib/networks.py)."""
    kind, words = code[0], code[1:].split(",")
    if kind == "e":
        return int(words[0]), 0, 0
    if kind == "x":
        parameters, work, channels, side = map(int, words[1:5])
        return parameters, work, channels * side**2
    if kind not in "clan":
        return 0, 0, 0
    n = [int(word) for word in words]
    if kind == "c":
        kernel, _, c_in, c_out, side, groups, flags = n
        weights = kernel**2 * c_in * c_out // groups
        return weights + c_out * (flags & 1) + c_out * (flags & 2), weights * side**2, c_out * side**2
    if kind == "l":
        c_in, c_out, positions, bias = n
        return c_in * c_out + bias * c_out, c_in * c_out * positions, c_out * positions
    if kind == "a":
        d, _, tokens = n
        return 4 * d * (d + 1), 4 * tokens * d * d + 2 * tokens**2 * d, 4 * tokens * d
    return 2 * n[0], 0, 0


def short(value: float) -> str:
    """25.6 M for a large number."""
    for size, unit in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if value >= size:
            return f"{float(f'{value / size:.3g}'):g} {unit}"
    return f"{value:g}"


class Architectures(Lab):
    """Landmark networks on one chart, with the layers, the costs and the block of the chosen one.

    Parameters, multiply-adds and activations are reckoned layer by layer and equal torch's; accuracies are those of
    torchvision's weights (single network, one crop), at the resolution that they were measured at.

    Args:
        net: which network, one of :data:`NETWORKS`: "lecun1989", "lenet5", "alexnet", "vgg16", "resnet50" and so on.
        across: what the chart's horizontal axis counts: "year", "parameters", "multiplyAdds" or "activations".
        up: the vertical one: "top1", "parameters", "multiplyAdds" or "activations".
        block: which of the network's blocks is drawn, from 0.

    Raises:
        TraitError: for a value outside these.
    """

    net = Enum(NETWORKS, "resnet50").tag(sync=True)
    across = Enum(("year", "parameters", "multiplyAdds", "activations"), "parameters").tag(sync=True)
    up = Enum(("top1", "parameters", "multiplyAdds", "activations"), "top1").tag(sync=True)
    block = Int(2, min=0, max=99).tag(sync=True)

    def still(self) -> Still:
        caption = "Lab: landmark networks from 1989 to 2022, what they cost and how they are built."
        chosen = network(self.net)
        accuracy = ", ".join(
            f"{top1:.2f} % top-1 {'by its paper' if name == 'paper' else f'with weights {name}'} at {size} pixels"
            for name, top1, _, size in chosen.weights
        )
        points: list[tuple[Network, str, float]] = []
        for net in map(network, NETWORKS):
            entries: list[Any] = net.weights if self.up == "top1" else [["", 0.0]]
            points += [(net, entry[0], entry[1]) for entry in entries]
        words = (
            f"{chosen.title}, {chosen.year}: {chosen.parameters:,} parameters, {short(chosen.multiplyAdds)} "
            f"multiply-adds for one picture of {chosen.size} pixels, {accuracy or 'never trained on ImageNet'}. "
            f"The chart shows {MEASURES[self.up].lower()} against {MEASURES[self.across].lower()}: "
            + "; ".join(
                f"{net.title}{f' {weights}' if weights else ''} {self._show(net, self.across)}, "
                f"{f'{top1:.1f}' if self.up == 'top1' else self._show(net, self.up)}"
                for net, weights, top1 in points
            )
            + "."
        )
        return Still(self._draw(points, chosen, words), words, caption)

    @staticmethod
    def _show(net: Network, measure: str) -> str:
        value = getattr(net, measure)
        return str(value) if measure == "year" else short(value)

    def _draw(self, points: list[tuple[Network, str, float]], chosen: Network, label: str) -> str:
        xs = [float(getattr(net, self.across)) for net, _, _ in points]
        ys = [top1 if self.up == "top1" else float(getattr(net, self.up)) for net, _, top1 in points]
        (x_low, x_high, x_ticks), (y_low, y_high, y_ticks) = _axis(xs, self.across), _axis(ys, self.up)
        log_x, log_y = self.across != "year", self.up != "top1"
        axes = Axes(60, 44, 640, 300, (x_low, x_high), (y_low, y_high), log_x=log_x, log_y=log_y)
        title = MEASURES[self.up] + (" (the axis starts at 55)" if self.up == "top1" else ", logarithmic")
        parts = [axes.frame(title, MEASURES[self.across] + (", logarithmic" if log_x else ""), x_ticks, y_ticks)]
        taken = [(axes.x(x) - 6, axes.y(y) - 6, axes.x(x) + 6, axes.y(y) + 6) for x, y in zip(xs, ys, strict=True)]
        named: set[str] = set()
        order = sorted(range(len(points)), key=lambda i: points[i][0] is not chosen)
        for i in order:
            net, weights, _ = points[i]
            x, y = round(axes.x(xs[i]), 1), round(axes.y(ys[i]), 1)
            colour = svg.ACCENT if net is chosen else svg.QUIET
            if weights == "V2":
                parts.append(f'<rect x="{x - 5:g}" y="{y - 5:g}" width="10" height="10" fill="{colour}"/>')
            else:
                parts.append(f'<circle cx="{x:g}" cy="{y:g}" r="5" fill="{colour}"/>')
            if net.title in named:
                continue
            wide = 6.6 * len(net.title)
            for left, middle in ((x + 9, y), (x - 9 - wide, y), (x - wide / 2, y - 13), (x - wide / 2, y + 14)):
                box = (left, middle - 7, left + wide, middle + 7)
                free = all(box[0] >= t[2] or box[2] <= t[0] or box[1] >= t[3] or box[3] <= t[1] for t in taken)
                if free and box[0] > 60 and box[2] < 712 and box[1] > 40 and box[3] < 344:
                    taken.append(box)
                    named.add(net.title)
                    parts.append(svg.text(round(left, 1), middle, net.title, 12, colour, "start"))
                    break
        return svg.drawing(720, 392, label, parts)


def _axis(values: list[float], measure: str) -> tuple[float, float, list[tuple[float, str]]]:
    """Ends and ticks of an axis, as on the page."""
    if measure == "year":
        return 1987, 2024, [(float(year), str(year)) for year in (1990, 2000, 2010, 2020)]
    if measure == "top1":
        return 55, 86, [(float(v), str(v)) for v in range(55, 90, 5)]
    low, high = min(values) / 1.4, max(values) * 1.5
    steps = (1, 2, 5) if high / low < 2000 else (1,)
    ticks = [m * 10.0**e for e in range(3, 12) for m in steps if low <= m * 10.0**e <= high]
    return low, high, [(tick, short(tick)) for tick in ticks]
