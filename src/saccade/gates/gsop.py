"""GSoP: one weight a channel from the covariance of the channels.

Paper: Z. Gao et al., Global Second-order Pooling Convolutional Networks (CVPR 2019), Section 3.2, GSoP-Net1: 1x1
convolution to 128 channels with BN and ReLU, their covariance over all places, BN of its rows, a convolution of each
row to 4 numbers, 1x1 convolution to c, sigmoid. In the last block of each stage; the fourth stage has stride 1.
Code: none used.
"""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor, nn

from saccade.gates.catalogue import gates
from saccade.gates.checks import check_at_least
from saccade.gates.gate import Gate
from saccade.gates.placement import Placement


@gates.register("gsop")
class GSoP(Gate):
    """Global second-order pooling.

    Args:
        channels: C of the features, at least 1.
        dimension: channels whose covariance is taken, at least 1.

    Raises:
        GateError: an argument is out of range.

    Source: Gao et al. 2019, Section 3.2.
    """

    placement: ClassVar[Placement] = Placement("last_blocks", last_stage_stride=1)

    def __init__(self, channels: int, dimension: int = 128) -> None:
        super().__init__(channels)
        check_at_least(1, dimension=dimension)
        self.reduction = nn.Sequential(nn.Conv2d(channels, dimension, 1), nn.BatchNorm2d(dimension), nn.ReLU())
        self.row_norm = nn.BatchNorm2d(dimension)
        self.row_convolution = nn.Conv2d(dimension, 4 * dimension, (dimension, 1), groups=dimension)
        self.expansion = nn.Conv2d(4 * dimension, channels, 1)

    def covariance(self, x: Tensor) -> Tensor:
        """Returns the covariance over all places of the reduced channels, (N, dimension, dimension)."""
        reduced = self.reduction(x).flatten(2)
        centred = reduced - reduced.mean(2, keepdim=True)
        covariance: Tensor = centred @ centred.transpose(1, 2) / reduced.shape[2]
        return covariance

    def attention(self, x: Tensor) -> Tensor:
        """Returns the weights of the channels in (0, 1), (N, C, 1, 1)."""
        rows = self.row_norm(self.covariance(x).unsqueeze(-1))
        return torch.sigmoid(self.expansion(self.row_convolution(rows)))
