"""Lab: what depth does to signals and gradients, with a shortcut round every block and without."""

from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from traitlets import Enum, Int

from kernelbook.labs import svg
from kernelbook.labs.base import Lab, Still
from kernelbook.labs.plot import Axes, decades, scientific
from kernelbook.labs.seeded import normals

Array = NDArray[np.float64]
Kind = Literal["plain", "post", "pre"]

BATCH, DEEPEST, EPSILON = 16, 32, 1e-5
PLAIN, SHORTCUT = "#2465ab", "#a84c08"


class Curves(NamedTuple):
    """What one stack does: `signal[l]` and `likeness[l]` after l blocks, l = 0 ... blocks; `gradient` as asked for."""

    signal: Array
    gradient: Array
    likeness: Array


class Residual(Lab):
    """Two stacks of blocks with the same random weights, one with a shortcut round every block.

    A block has two dense layers of `width` units without biases, N is the normalisation and g the branch's factor:

    - plain: h' = ReLU(N(W2 ReLU(N(W1 h))))
    - "post": h' = ReLU(h + g N(W2 ReLU(N(W1 h)))), He et al. 2015
    - "pre": h' = h + g W2 ReLU(N(W1 ReLU(N(h)))), He et al. 2016

    16 random inputs go in; the loss is a random direction of the last h, scaled so that its gradient there has norm 1.
    The lab draws, block by block, the root mean square of h, the norm of the gradient and how much the signals of
    different inputs look alike. All of it is at initialisation: nothing is trained.

    Args:
        blocks: 1 to 32 blocks, so 2 to 64 weight layers.
        shortcut: where the second stack's last ReLU stands: "post" (after the sum) or "pre" (pre-activation).
        branch: g, "one", "root" (1 / sqrt(blocks)) or "zero". The plain stack has no sum and leaves it out.
        initialisation: standard deviation of the weights: "he" (sqrt(2 / width)), "xavier" (sqrt(1 / width)), "small"
            (0.01) or "large" (twice He's).
        normalisation: "none", "batch" (each unit over the 16 inputs) or "layer" (each input over its units).
        width: units of a layer, 16, 32 or 64.
        seed: which random numbers, 0 to 999.
        gradient: of the "signal" (at each h) or of the "weights" (of each block).
        layer: the block after which the values are read out.

    Raises:
        TraitError: for a value outside these.
    """

    blocks = Int(16, min=1, max=DEEPEST).tag(sync=True)
    shortcut = Enum(("post", "pre"), "post").tag(sync=True)
    branch = Enum(("one", "root", "zero"), "one").tag(sync=True)
    initialisation = Enum(("he", "xavier", "small", "large"), "he").tag(sync=True)
    normalisation = Enum(("none", "batch", "layer"), "none").tag(sync=True)
    width = Enum((16, 32, 64), 32).tag(sync=True)
    seed = Int(0, min=0, max=999).tag(sync=True)
    gradient = Enum(("signal", "weights"), "signal").tag(sync=True)
    layer = Int(0, min=0, max=DEEPEST).tag(sync=True)

    def numbers(self) -> tuple[Array, Array, Array]:
        """Inputs (16, width), the gradient of the last h (16, width) and weights (blocks, 2, width, width)."""
        n = self.width
        drawn = normals(self.seed, 2 * BATCH * n + 2 * DEEPEST * n * n)
        x, r, w = np.split(drawn, [BATCH * n, 2 * BATCH * n])
        deviation = {"he": (2 / n) ** 0.5, "xavier": (1 / n) ** 0.5, "small": 0.01, "large": 2 * (2 / n) ** 0.5}
        w = w.reshape(DEEPEST, 2, n, n)[: self.blocks] * deviation[self.initialisation]
        return x.reshape(BATCH, n), r.reshape(BATCH, n) / np.linalg.norm(r), w

    @property
    def factor(self) -> float:
        """g, what the branch is multiplied by before the sum."""
        return {"one": 1.0, "root": self.blocks**-0.5, "zero": 0.0}[self.branch]

    def curves(self, kind: Kind) -> Curves:
        """Signal, gradient and likeness of one stack, "plain", "post" or "pre"."""
        x, r, weights = self.numbers()
        g = 1.0 if kind == "plain" else self.factor
        signals, saved = [x], []
        for first, second in weights:
            out, memory = _forward(kind, self.normalisation, g, first, second, signals[-1])
            signals.append(out)
            saved.append(memory)
        d, gradients, of_weights = r, [r], []
        for (first, second), memory in zip(weights[::-1], saved[::-1], strict=True):
            d, d_first, d_second = _backward(kind, self.normalisation, g, first, second, memory, d)
            gradients.append(d)
            of_weights.append(float(np.hypot(_norm(d_first), _norm(d_second))))
        sizes = of_weights if self.gradient == "weights" else [_norm(d) for d in gradients]
        return Curves(
            np.array([_norm(h) / h.size**0.5 for h in signals]),
            np.array(sizes[::-1]),
            np.array([_likeness(h) for h in signals]),
        )

    def still(self) -> Still:
        caption = "Lab: the same random weights with and without shortcuts; what depth does to signal and gradient."
        plain, other = self.curves("plain"), self.curves(self.shortcut)  # type: ignore[arg-type]
        name = {"post": "ReLU after the sum", "pre": "pre-activation"}[self.shortcut]
        words = (
            f"Two random stacks of {self.blocks} blocks ({2 * self.blocks} weight layers of {self.width} units), "
            f"initialisation “{self.initialisation}”, normalisation {self.normalisation}; the second has shortcuts "
            f"({name}, branch times {svg.number(self.factor)}). "
            f"Signal after the last block: {_both(plain.signal[-1], other.signal[-1])}. "
            f"Norm of the gradient of {'the first weights' if self.gradient == 'weights' else 'the input'}: "
            f"{_both(plain.gradient[0], other.gradient[0])}"
            + (", of the output’s: 1. " if self.gradient == "signal" else ". ")
            + f"Likeness of the inputs after the last block: {_both(plain.likeness[-1], other.likeness[-1])}."
        )
        return Still(self._draw(plain, other, words), words, caption)

    def _draw(self, plain: Curves, other: Curves, label: str) -> str:
        step = max(1, -(-self.blocks // 4))
        ticks = [(float(v), str(v)) for v in range(0, self.blocks + 1, step)]
        parts = [
            f'<path d="M200 18h34" stroke="{PLAIN}" stroke-width="2.2" stroke-dasharray="7 3"/>',
            svg.text(240, 18, "plain stack", 12, anchor="start"),
            f'<path d="M350 18h34" stroke="{SHORTCUT}" stroke-width="2.2"/>',
            svg.text(390, 18, "the same weights with shortcuts", 12, anchor="start"),
        ]
        titles = {"signal": "Signal", "gradient": f"Gradient of the {self.gradient}", "likeness": "Likeness"}
        for place, (name, title) in enumerate(titles.items()):
            curves = [getattr(plain, name), getattr(other, name)]
            log = name != "likeness"
            limits = decades(np.concatenate(curves)) if log else (-0.1, 1.0)
            axes = Axes(52 + 238 * place, 62, 180, 150, (0, self.blocks), limits, log_y=log)
            parts.append(axes.frame(title, "after block", ticks, () if log else [(0, "0"), (0.5, "0.5"), (1, "1")]))
            for values, colour, dashes in zip(curves, (PLAIN, SHORTCUT), ("7 3", ""), strict=True):
                places = np.arange(len(values)) + (self.blocks + 1 - len(values))
                parts.append(axes.line(places, values, colour, dashes))
        return svg.drawing(720, 256, label, parts)


def _both(plain: float, shortcut: float) -> str:
    return f"{scientific(plain)} plain, {scientific(shortcut)} with shortcuts"


def _normalise(z: Array, norm: str) -> tuple[Array, Array]:
    """z (B, n) standardised over the batch or over the units, and the factor 1 / sqrt(variance + 0.00001)."""
    if norm == "none":
        return z, np.ones(1)
    axis = 0 if norm == "batch" else 1
    scale = 1 / np.sqrt(z.var(axis, keepdims=True) + EPSILON)
    return (z - z.mean(axis, keepdims=True)) * scale, scale


def _normalise_back(d: Array, out: Array, scale: Array, norm: str) -> Array:
    if norm == "none":
        return d
    axis = 0 if norm == "batch" else 1
    return scale * (d - d.mean(axis, keepdims=True) - out * (d * out).mean(axis, keepdims=True))


def _forward(kind: Kind, norm: str, g: float, w1: Array, w2: Array, h: Array) -> tuple[Array, tuple[Array, ...]]:
    """One block on h (B, n), with what its way back needs."""
    if kind == "pre":
        first, scale1 = _normalise(h, norm)
        a = np.maximum(first, 0)
        second, scale2 = _normalise(a @ w1.T, norm)
        b = np.maximum(second, 0)
        return h + g * (b @ w2.T), (a, first, scale1, b, second, scale2, h)
    first, scale1 = _normalise(h @ w1.T, norm)
    b = np.maximum(first, 0)
    second, scale2 = _normalise(b @ w2.T, norm)
    total = second if kind == "plain" else h + g * second
    return np.maximum(total, 0), (h, first, scale1, b, second, scale2, total)


def _backward(
    kind: Kind, norm: str, g: float, w1: Array, w2: Array, memory: tuple[Array, ...], d: Array
) -> tuple[Array, Array, Array]:
    """Gradients of a block's input (B, n) and of its two matrices (n, n) from that of its output."""
    a, first, scale1, b, second, scale2, total = memory
    if kind == "pre":
        branch = g * d
        d_second = _normalise_back((branch @ w2) * (second > 0), second, scale2, norm)
        d_first = _normalise_back((d_second @ w1) * (first > 0), first, scale1, norm)
        return d + d_first, d_second.T @ a, branch.T @ b
    d_sum = d * (total > 0)
    d_second = _normalise_back(d_sum if kind == "plain" else g * d_sum, second, scale2, norm)
    d_first = _normalise_back((d_second @ w2) * (first > 0), first, scale1, norm)
    d_input = d_first @ w1
    return d_input if kind == "plain" else d_sum + d_input, d_first.T @ a, d_second.T @ b


def _norm(values: Array) -> float:
    """Square root of the sum of squares, also where the squares would be too small for a double."""
    largest = float(np.abs(values).max())
    return largest and largest * float(np.linalg.norm(values / largest))


def _likeness(h: Array) -> float:
    """Mean cosine between the signals (rows) of two different inputs; not a number where fewer than two are left."""
    lengths = np.array([_norm(row) for row in h])
    units = h[lengths > 0] / lengths[lengths > 0, None]
    count = len(units)
    return float("nan") if count < 2 else float((np.square(units.sum(0)).sum() - count) / (count * (count - 1)))
