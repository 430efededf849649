"""BAM: a channel branch and a dilated spatial branch, added and squashed to one weight for each element.

Paper: J. Park et al., BAM: Bottleneck Attention Module (BMVC 2018), Eqs. 1 to 4: X + X * sigmoid(Mc(X) + Ms(X)), after
stages 1 to 3, with
    Mc = W1 relu(BN(W0 mean(X))), and
    Ms = conv1x1 of two 3x3 convolutions with dilation 4 of conv1x1(X), each but the last with BN and ReLU, and c / 16
hidden channels.
Code: none used. The paper's text puts batch norms at the ends of both branches; its figures, its printed parameters
and this file have them inside.
"""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor, nn

from saccade.gates.catalogue import gates
from saccade.gates.checks import check_at_least
from saccade.gates.gate import Gate, hidden_channels
from saccade.gates.placement import Placement


@gates.register("bam")
class BAM(Gate):
    """Bottleneck attention module.

    Args:
        channels: C of the features, at least 1.
        reduction: C by the hidden channels, at least 1.
        dilation: of the two spatial convolutions, at least 1.

    Raises:
        GateError: an argument is out of range.

    Source: Park et al. 2018, Eqs. 1 to 4.
    """

    placement: ClassVar[Placement] = Placement("stages", stages=(1, 2, 3), position="after_block")

    def __init__(self, channels: int, reduction: int = 16, dilation: int = 4) -> None:
        super().__init__(channels)
        check_at_least(1, dilation=dilation)
        hidden = hidden_channels(channels, reduction)
        self.channel = nn.Sequential(
            nn.AdaptiveAvgPool2d(1),
            nn.Conv2d(channels, hidden, 1),
            nn.BatchNorm2d(hidden),
            nn.ReLU(),
            nn.Conv2d(hidden, channels, 1),
        )
        self.spatial = nn.Sequential(
            *(nn.Conv2d(channels, hidden, 1), nn.BatchNorm2d(hidden), nn.ReLU()),
            *(nn.Conv2d(hidden, hidden, 3, padding=dilation, dilation=dilation), nn.BatchNorm2d(hidden), nn.ReLU()),
            *(nn.Conv2d(hidden, hidden, 3, padding=dilation, dilation=dilation), nn.BatchNorm2d(hidden), nn.ReLU()),
            nn.Conv2d(hidden, 1, 1),
        )

    def attention(self, x: Tensor) -> Tensor:
        """Returns M in (0, 1), (N, C, H, W); the features are multiplied by 1 + M."""
        return torch.sigmoid(self.channel(x) + self.spatial(x))

    def forward(self, x: Tensor) -> Tensor:
        """Returns the gated features, (N, C, H, W)."""
        return x + x * self.attention(x)
