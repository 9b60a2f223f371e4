"""Labs: widgets that run in Jupyter and, without a kernel or a network, on the published page.

``labs.Convolution(stride=2)`` as the last line of a cell is all a chapter needs. ``base.py`` says how to add a lab.
"""

from kernelbook.labs.architectures import Architectures
from kernelbook.labs.augmentation import Augmentation
from kernelbook.labs.base import Lab
from kernelbook.labs.channels import Channels
from kernelbook.labs.convolution import Convolution
from kernelbook.labs.dense_vs_conv import DenseVsConv
from kernelbook.labs.equivariance import Equivariance
from kernelbook.labs.look_inside import LookInside
from kernelbook.labs.output_size import OutputSize
from kernelbook.labs.patch_tokens import PatchTokens
from kernelbook.labs.pooling import Pooling
from kernelbook.labs.receptive_field import ReceptiveField
from kernelbook.labs.residual import Residual
from kernelbook.labs.transfer_plan import TransferPlan

__all__ = [
    "Architectures",
    "Augmentation",
    "Channels",
    "Convolution",
    "DenseVsConv",
    "Equivariance",
    "Lab",
    "LookInside",
    "OutputSize",
    "PatchTokens",
    "Pooling",
    "ReceptiveField",
    "Residual",
    "TransferPlan",
]
