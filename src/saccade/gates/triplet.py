"""Triplet attention: three maps, one for each pair of the axes C, H and W.

Paper: D. Misra et al., Rotate to Attend: Convolutional Triplet Attention Module (WACV 2021), Eq. 6: the mean of three
branches X * sigmoid(BN(conv7x7(maximum, mean))), which pool over W, over H and over C.
Code: none used. Instead of rotating X, the pooled maps of a branch are laid out as an image of its two axes.
"""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor, nn

from saccade.gates.catalogue import gates
from saccade.gates.checks import check_odd
from saccade.gates.gate import Gate
from saccade.gates.placement import Placement


class Branch(nn.Module):
    """A map of two axes from the maximum and the mean over the third.

    Args:
        axis: pooled over: 1 for C, 2 for H, 3 for W.
        kernel_size: side of the convolution, odd.
    """

    def __init__(self, axis: int, kernel_size: int) -> None:
        super().__init__()
        self.axis = axis
        self.convolution = nn.Conv2d(2, 1, kernel_size, padding=kernel_size // 2, bias=False)
        self.norm = nn.BatchNorm2d(1)

    def forward(self, x: Tensor) -> Tensor:
        """Returns the map in (0, 1), of the shape of ``x`` with 1 at the pooled axis."""
        pooled = torch.stack((x.amax(self.axis), x.mean(self.axis)), 1)
        weights = torch.sigmoid(self.norm(self.convolution(pooled)))
        return weights.squeeze(1).unsqueeze(self.axis)


@gates.register("triplet")
class Triplet(Gate):
    """Triplet attention.

    Args:
        channels: C of the features, at least 1; no parameter depends on it.
        kernel_size: side of the three convolutions, odd.

    Raises:
        GateError: an argument is out of range.

    Source: Misra et al. 2021, Eq. 6.
    """

    placement: ClassVar[Placement] = Placement("blocks")

    def __init__(self, channels: int, kernel_size: int = 7) -> None:
        super().__init__(channels)
        check_odd(kernel_size=kernel_size)
        self.height_channel = Branch(3, kernel_size)
        self.width_channel = Branch(2, kernel_size)
        self.spatial = Branch(1, kernel_size)

    def attention(self, x: Tensor) -> Tensor:
        """Returns the mean of the three maps in (0, 1), (N, C, H, W)."""
        weights: Tensor = (self.height_channel(x) + self.width_channel(x) + self.spatial(x)) / 3
        return weights
