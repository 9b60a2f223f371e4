"""What a layer costs: parameters, multiply-adds, bytes, and how much work there is for each byte.

Counting only; nothing is run. For whole networks, `models.summary` counts parameters and work. Both numbers come from
`ops.parameters` and `ops.multiply_adds`. Bytes are the least that any program must move: the input and the weights read
once, the output written once. A program that forgets what it has read moves more.
"""

from __future__ import annotations

from dataclasses import dataclass

from kernelbook import ops
from kernelbook.ops import Pair


@dataclass(frozen=True)
class Cost:
    """What one pass through a layer, or several layers added up, costs."""

    parameters: int  # learnable numbers
    multiply_adds: int  # FLOPs are twice as many
    read: int  # bytes of input and weights
    written: int  # bytes of output

    @property
    def moved(self) -> int:
        """Bytes that have to travel between memory and processor, at least."""
        return self.read + self.written

    @property
    def intensity(self) -> float:
        """Arithmetic intensity: multiply-adds for each byte moved. Source: Williams, Waterman and Patterson 2009."""
        return self.multiply_adds / self.moved

    def __add__(self, other: Cost) -> Cost:
        """Both layers, one after the other: the map between them is written by the first and read by the second."""
        return Cost(
            self.parameters + other.parameters,
            self.multiply_adds + other.multiply_adds,
            self.read + other.read,
            self.written + other.written,
        )


def conv(
    c_in: int,
    c_out: int,
    kernel: int,
    size: Pair,
    stride: int = 1,
    padding: int | None = None,
    dilation: int = 1,
    groups: int = 1,
    bias: bool = False,
    batch: int = 1,
    item: int = 4,
) -> Cost:
    """The cost of a convolution layer on `batch` maps (C_in, H, W).

    size: (H, W) of the input, in pixels. padding: pixels; half of the span unless given, which keeps the size at stride
    1. item: bytes of one number, 4 for float32. Raises ValueError where the layer is impossible (`ops`).
    """
    height, width = (size, size) if isinstance(size, int) else size
    pad = dilation * (kernel - 1) // 2 if padding is None else padding
    o_h, o_w = (ops.output_size(side, kernel, stride, pad, dilation) for side in (height, width))
    weights = ops.parameters(c_in, c_out, kernel, groups, bias)
    return Cost(
        parameters=weights,
        multiply_adds=batch * ops.multiply_adds(c_in, c_out, kernel, (o_h, o_w), groups),
        read=item * (batch * c_in * height * width + weights),
        written=item * batch * c_out * o_h * o_w,
    )


def separable(c_in: int, c_out: int, kernel: int, size: Pair, stride: int = 1, batch: int = 1, item: int = 4) -> Cost:
    """The cost of a depthwise and a pointwise layer, the first with the stride, nothing between them."""
    height, width = (size, size) if isinstance(size, int) else size
    between = tuple(ops.output_size(side, kernel, stride, (kernel - 1) // 2) for side in (height, width))
    first = conv(c_in, c_in, kernel, size, stride, (kernel - 1) // 2, groups=c_in, batch=batch, item=item)
    return first + conv(c_in, c_out, 1, (between[0], between[1]), batch=batch, item=item)


def saving(c_out: float, kernel: int) -> float:
    """How many times less work a depthwise separable layer does: 1 / (1/C_out + 1/K^2), whatever C_in is.

    c_out may be infinite, which gives the limit K^2. Source: Howard et al. 2017, section 3.1 (they give the inverse).
    """
    return 1 / (1 / c_out + 1 / kernel**2)


def attainable(cost: Cost, peak: float, bandwidth: float) -> float:
    """The roofline: the multiply-adds a second that a machine can do at best on work of this intensity.

    peak: multiply-adds a second. bandwidth: bytes a second. Below peak / bandwidth, memory is what one waits for.
    Source: Williams, Waterman and Patterson 2009.
    """
    return min(peak, bandwidth * cost.intensity)
