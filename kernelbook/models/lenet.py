"""LeNet-5, as published in 1998 and as it is usually rebuilt (LeCun, Bottou, Bengio and Haffner 1998).

The published net differs from its copies in four ways that are worth seeing once: layer C3 is wired by a table, the
subsampling layers have weights, the activation is a scaled tanh, and the last layer measures distances to pictures
of the ten digits. It has 60,000 trainable parameters; the usual copy has 61,706.
"""

from __future__ import annotations

import math

import torch
from torch import nn
from torch.nn import functional as F

CONNECTIONS = (
    (0, 1, 2), (1, 2, 3), (2, 3, 4), (3, 4, 5), (0, 4, 5), (0, 1, 5),
    (0, 1, 2, 3), (1, 2, 3, 4), (2, 3, 4, 5), (0, 3, 4, 5), (0, 1, 4, 5), (0, 1, 2, 5),
    (0, 1, 3, 4), (1, 2, 4, 5), (0, 2, 3, 5),
    (0, 1, 2, 3, 4, 5),
)  # fmt: skip
"""For each of C3's 16 maps, the maps of S2 that it reads (table I): three neighbours, four, two pairs, all six.

It kept the number of connections within bounds, and it broke the symmetry between maps, so that they had to learn
different things (section II-B). 60 of the 96 possible pairs are wired.
"""

DIGITS = """
.#####. ...#... .#####. .#####. ....##. ####### ..####. ####### .#####. .#####.
##...## ..##... ##...## ##...## ...###. ##..... .##.... ##...## ##...## ##...##
##...## .###... ##...## .....## ..####. ##..... ##..... .....## ##...## ##...##
##...## ..##... .....## .....## .##.##. ##..... ##..... ....##. ##...## ##...##
##...## ..##... ....##. .....## ##..##. ######. ######. ....##. .#####. ##...##
##...## ..##... ...##.. ..####. ##..##. .....## ##...## ...##.. .#####. .######
##...## ..##... ..##... .....## ####### .....## ##...## ...##.. ##...## .....##
##...## ..##... .##.... .....## ....##. .....## ##...## ..##... ##...## .....##
##...## ..##... ##..... .....## ....##. .....## ##...## ..##... ##...## ....##.
##...## ..##... ##...## ##...## ....##. ##...## ##...## ..##... ##...## ...##..
.#####. .#####. ####### .#####. ....##. .#####. .#####. ..##... .#####. .###...
....... ....... ....... ....... ....... ....... ....... ....... ....... .......
"""


def digit_codes() -> torch.Tensor:
    """(10, 84): the ten digits as bitmaps 7 wide and 12 high, +1 for ink and -1 for paper, row by row.

    The paper uses such drawings as the targets of layer F6 (figure 3); these are drawn for this book, in that format.
    """
    rows = [row.split() for row in DIGITS.split("\n") if row]
    return torch.tensor([[1.0 if dot == "#" else -1.0 for row in rows for dot in row[digit]] for digit in range(10)])


class ScaledTanh(nn.Module):
    """f(a) = 1.7159 tanh(2a/3), so that f(1) = 1 and f(-1) = -1 (appendix A). Any shape."""

    def forward(self, a: torch.Tensor) -> torch.Tensor:
        return 1.7159 * torch.tanh(2 / 3 * a)


class Subsampling(nn.Module):
    """The sum of each 2 x 2 block, times one weight a map, plus one bias a map: (N, C, H, W) -> (N, C, H/2, W/2).

    2 C parameters, where average pooling has none: the net can learn to ignore a map, blur it, or drive it into the
    bend of the following squashing function (section II-B, layer S2).
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(channels).uniform_(-2.4 / 4, 2.4 / 4))
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        block_sum = 4 * F.avg_pool2d(x, 2)
        return block_sum * self.weight[:, None, None] + self.bias[:, None, None]


class PartialConvolution(nn.Module):
    """A convolution in which map f of the output reads only the input maps `connections[f]`: layer C3.

    (N, c_in, H, W) -> (N, len(connections), H - K + 1, W - K + 1). One K x K kernel for each wired pair and one bias
    for each output map: 60 * 25 + 16 = 1,516 parameters for the paper's table. The kernels are laid into a full set of
    filters with zeros for the pairs that are not wired, so the work is that of the full convolution; in 1998 the
    missing pairs were left out. Raises ValueError where the table names a map that doesn't exist.
    """

    def __init__(self, c_in: int, connections: tuple[tuple[int, ...], ...], kernel: int) -> None:
        super().__init__()
        pairs = [(f, c) for f, wired in enumerate(connections) for c in wired]
        if missing := [c for _, c in pairs if not 0 <= c < c_in]:
            raise ValueError(f"the table reads map {missing[0]}, but there are {c_in} maps, 0 to {c_in - 1}")
        self.pairs, self.shape = pairs, (len(connections), c_in, kernel, kernel)
        self.weight = nn.Parameter(torch.empty(len(pairs), kernel, kernel))  # in the order of `pairs`
        self.bias = nn.Parameter(torch.zeros(len(connections)))
        with torch.no_grad():
            for kernel_weights, (f, _) in zip(self.weight, pairs, strict=True):
                bound = 2.4 / (len(connections[f]) * kernel**2)
                kernel_weights.uniform_(-bound, bound)

    def filters(self) -> torch.Tensor:
        """(C_out, C_in, K, K): the kernels in their places, 0 for every pair that is not wired."""
        rows, columns = (list(axis) for axis in zip(*self.pairs, strict=True))
        return self.weight.new_zeros(self.shape).index_put(
            (torch.tensor(rows, device=self.weight.device), torch.tensor(columns, device=self.weight.device)),
            self.weight,
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return F.conv2d(x, self.filters(), self.bias)


class Distances(nn.Module):
    """Minus the squared distance of F6's 84 answers to each class's bitmap: (N, 84) -> (N, 10), highest is nearest.

    score_i = -sum_j (x_j - code_ij)^2. The codes are fixed, so nothing is trained here (section II-B, output layer;
    the paper's layer returns the distance itself, which is a penalty, and the lowest wins).
    """

    codes: torch.Tensor

    def __init__(self, codes: torch.Tensor) -> None:
        super().__init__()
        self.register_buffer("codes", codes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return -(x[:, None] - self.codes).square().sum(2)


class LeNet5(nn.Module):
    """The net of 1998: grey pictures (N, 1, 32, 32) -> scores (N, 10). 60,000 trainable parameters.

    | layer | answer        | parameters                             |
    |-------|---------------|----------------------------------------|
    | C1    | (6, 28, 28)   | 6 (25 + 1) = 156                       |
    | S2    | (6, 14, 14)   | 6 * 2 = 12                             |
    | C3    | (16, 10, 10)  | 60 * 25 + 16 = 1,516                   |
    | S4    | (16, 5, 5)    | 16 * 2 = 32                            |
    | C5    | (120, 1, 1)   | 120 (16 * 25 + 1) = 48,120             |
    | F6    | (84,)         | 84 (120 + 1) = 10,164                  |
    | out   | (10,)         | none: distances to ten fixed bitmaps   |

    The paper says where the squashing function stands after S2, S4, C5 and F6; it follows each of them here, and
    nothing but the subsampling's sum stands between C1 and S2, C3 and S4 (section II-B).
    """

    def __init__(self) -> None:
        super().__init__()
        self.c1 = nn.Conv2d(1, 6, 5)
        self.s2 = Subsampling(6)
        self.c3 = PartialConvolution(6, CONNECTIONS, 5)
        self.s4 = Subsampling(16)
        self.c5 = nn.Conv2d(16, 120, 5)
        self.f6 = nn.Linear(120, 84)
        self.output = Distances(digit_codes())
        self.squash = ScaledTanh()
        for layer in (self.c1, self.c5, self.f6):  # appendix A: uniform within 2.4 / fan-in
            bound = 2.4 / math.prod(layer.weight.shape[1:])
            nn.init.uniform_(layer.weight, -bound, bound)
            nn.init.zeros_(layer.bias)  # type: ignore[arg-type]  # all three have one

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.squash(self.s2(self.c1(x)))
        x = self.squash(self.s4(self.c3(x)))
        x = self.squash(self.c5(x)).flatten(1)
        return self.output(self.squash(self.f6(x)))


class LeNet5Modern(nn.Sequential):
    """LeNet-5 as tutorials rebuild it: (N, 1, 32, 32) -> scores (N, classes). 61,706 parameters for 10 classes.

    C3 reads all six maps, pooling has no weights, the last layer is linear. pool: nn.AvgPool2d, or nn.MaxPool2d.
    activation: nn.Tanh, or nn.ReLU as from 2012 on.
    """

    def __init__(
        self,
        classes: int = 10,
        pool: type[nn.AvgPool2d] | type[nn.MaxPool2d] = nn.AvgPool2d,
        activation: type[nn.Module] = nn.Tanh,
    ) -> None:
        super().__init__(
            *(nn.Conv2d(1, 6, 5), activation(), pool(2)),
            *(nn.Conv2d(6, 16, 5), activation(), pool(2)),
            *(nn.Conv2d(16, 120, 5), activation(), nn.Flatten()),
            *(nn.Linear(120, 84), activation()),
            nn.Linear(84, classes),
        )
