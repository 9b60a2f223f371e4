"""Parts that several architectures share, and nothing that only one of them needs."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import nn


def conv_norm(
    c_in: int,
    c_out: int,
    kernel: int,
    stride: int = 1,
    *,
    groups: int = 1,
    activation: Callable[[], nn.Module] | None = nn.ReLU,
    epsilon: float = 1e-5,
    momentum: float = 0.1,
) -> nn.Sequential:
    """Convolution, batch normalisation, activation: (N, c_in, H, W) -> (N, c_out, ceil(H/S), ceil(W/S)), odd kernels.

    The convolution has no bias, since normalisation subtracts the mean and adds a shift of its own.
    activation=None leaves the answer linear. epsilon, momentum: of the normalisation (Ioffe and Szegedy 2015).
    """
    layers: list[nn.Module] = [
        nn.Conv2d(c_in, c_out, kernel, stride, padding=kernel // 2, groups=groups, bias=False),
        nn.BatchNorm2d(c_out, eps=epsilon, momentum=momentum),
    ]
    if activation is not None:
        layers.append(activation())
    return nn.Sequential(*layers)


def he_initialise(model: nn.Module) -> None:
    """Draw every convolution's weights from N(0, 2 / (K_h K_w C_out)), in place; biases become 0.

    The variance keeps the size of the *gradient* from layer to layer, where half of it is stopped by a ReLU
    (He et al. 2015, "Delving deep into rectifiers", section 2.2, backward case).
    """
    for module in model.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
            if module.bias is not None:
                nn.init.zeros_(module.bias)


def divisible(channels: float, by: int = 8) -> int:
    """`channels` rounded to a multiple of `by`, but never down by more than a tenth: what MobileNetV2's code does.

    Hardware likes multiples of 8. divisible(24.9) is 24; divisible(11) is 16, since 8 would take away over a tenth.
    """
    rounded = max(by, int(channels + by / 2) // by * by)
    return rounded + by if rounded < 0.9 * channels else rounded


class StochasticDepth(nn.Module):
    """Drops the whole of x, shape (N, ...), for each picture with probability `rate` while training; else x as it is.

    On a residual branch a dropped picture takes the shortcut alone: y = x + B/(1 - rate) F(x) with B = 0 or 1. The
    division keeps the mean. Source: Huang et al. 2016, section 3, in the scaled form that later nets use.
    """

    def __init__(self, rate: float) -> None:
        super().__init__()
        if not 0 <= rate < 1:
            raise ValueError(f"the rate must be at least 0 and below 1, got {rate}")
        self.rate = rate

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if not self.training or self.rate == 0:
            return x
        keep = torch.rand((len(x), *(1,) * (x.ndim - 1)), device=x.device, dtype=x.dtype) >= self.rate
        return x * keep / (1 - self.rate)

    def extra_repr(self) -> str:
        return f"rate={self.rate:g}"
