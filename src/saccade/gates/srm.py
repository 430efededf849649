"""SRM: one weight a channel from the channel's own mean and standard deviation.

Paper: H. Lee, H.-E. Kim, H. Nam, SRM: A Style-based Recalibration Module for Convolutional Neural Networks (ICCV 2019),
Eqs. 1 to 5: X * sigmoid(BN(w . (mean, standard deviation))), with two weights a channel, which start at 0.
Code: none used.
"""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor, nn

from saccade.gates.catalogue import gates
from saccade.gates.gate import Gate
from saccade.gates.placement import Placement

EPSILON = 1e-5
"""Added to the variance, so that the root has a slope where a channel is constant."""


@gates.register("srm")
class SRM(Gate):
    """Style-based recalibration module.

    Args:
        channels: C of the features, at least 1.

    Raises:
        GateError: an argument is out of range.

    Source: Lee et al. 2019, Eqs. 1 to 5.
    """

    placement: ClassVar[Placement] = Placement("blocks")

    def __init__(self, channels: int) -> None:
        super().__init__(channels)
        self.weight = nn.Parameter(torch.zeros(channels, 2))
        self.norm = nn.BatchNorm2d(channels)

    def attention(self, x: Tensor) -> Tensor:
        """Returns the weights of the channels in (0, 1), (N, C, 1, 1)."""
        variance, mean = torch.var_mean(x, (2, 3), correction=0)
        style = torch.stack((mean, torch.sqrt(variance + EPSILON)), -1)
        logits = (style * self.weight).sum(-1)
        return torch.sigmoid(self.norm(logits[:, :, None, None]))
