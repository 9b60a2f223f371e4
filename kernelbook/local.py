"""A locally connected layer for PyTorch: local as a convolution, but every place has weights of its own.

It stands between the dense layer and the convolution, and tells apart what locality saves and what sharing saves.
Source: LeCun 1989, "Generalization and network design strategies".
"""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional as F

from kernelbook import ops
from kernelbook.ops import Pair


class LocallyConnected2d(nn.Module):
    """As `nn.Conv2d(c_in, c_out, kernel, stride, padding)` for inputs of one size, without sharing.

    size: (H, W) of the input, in pixels. Weights (O_h, O_w, C_out, C_in, K_h, K_w), biases (C_out, O_h, O_w), drawn as
    PyTorch draws those of a convolution. x: (N, C_in, H, W) -> (N, C_out, O_h, O_w).

    Raises ValueError where the kernel doesn't fit, or for an input of another shape.
    """

    def __init__(self, c_in: int, c_out: int, kernel: int, size: Pair, stride: int = 1, padding: int = 0) -> None:
        super().__init__()
        self.shape = (c_in, *((size, size) if isinstance(size, int) else size))
        self.kernel, self.stride, self.padding = kernel, stride, padding
        o_h, o_w = (ops.output_size(side, kernel, stride, padding) for side in self.shape[1:])
        bound = (c_in * kernel**2) ** -0.5
        self.weight = nn.Parameter(torch.empty(o_h, o_w, c_out, c_in, kernel, kernel).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.empty(c_out, o_h, o_w).uniform_(-bound, bound))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if x.shape[1:] != self.shape:
            raise ValueError(f"expected inputs of shape (N, {', '.join(map(str, self.shape))}), got {tuple(x.shape)}")
        o_h, o_w, c_out = self.weight.shape[:3]
        patches = F.unfold(x, self.kernel, stride=self.stride, padding=self.padding)  # (N, C_in K K, places)
        weight = self.weight.reshape(o_h * o_w, c_out, -1)  # (places, C_out, C_in K K)
        answers = torch.bmm(weight, patches.permute(2, 1, 0))  # (places, C_out, N): at each place its own product
        return answers.permute(2, 1, 0).reshape(len(x), c_out, o_h, o_w) + self.bias
