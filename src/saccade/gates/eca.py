"""ECA: one weight a channel from the means of its neighbours among the channels.

Paper: Q. Wang et al., ECA-Net: Efficient Channel Attention for Deep Convolutional Neural Networks (CVPR 2020), Eqs. 9
and 12: X * sigmoid(conv1d(mean(X))) with a kernel of |log2(c) / 2 + 1 / 2| entries, made odd.
Code: timm's EcaModule (Apache-2.0).
"""

from __future__ import annotations

from typing import ClassVar

from timm.layers.eca import EcaModule
from torch import Tensor

from saccade.gates.catalogue import gates
from saccade.gates.checks import check_odd
from saccade.gates.gate import Gate
from saccade.gates.placement import Placement


@gates.register("eca")
class ECA(Gate):
    """Efficient channel attention.

    Args:
        channels: C of the features, at least 1.
        kernel_size: channels that a weight depends on, odd; None for the paper's rule.

    Raises:
        GateError: an argument is out of range.

    Source: Wang et al. 2020, Eqs. 9 and 12.
    """

    placement: ClassVar[Placement] = Placement("blocks")

    def __init__(self, channels: int, kernel_size: int | None = None) -> None:
        super().__init__(channels)
        if kernel_size is not None:
            check_odd(kernel_size=kernel_size)
        self.neighbours = EcaModule(channels) if kernel_size is None else EcaModule(kernel_size=kernel_size)

    def attention(self, x: Tensor) -> Tensor:
        """Returns the weights of the channels in (0, 1), (N, C, 1, 1)."""
        weights: Tensor = self.neighbours.gate(self.neighbours.conv(x.mean((2, 3)).unsqueeze(1)))
        return weights.transpose(1, 2).unsqueeze(-1)

    def forward(self, x: Tensor) -> Tensor:
        """Returns the gated features, (N, C, H, W)."""
        gated: Tensor = self.neighbours(x)
        return gated
