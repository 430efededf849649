"""CBAM: first one weight a channel, then one a place, each from averages and maxima.

Paper: S. Woo et al., CBAM: Convolutional Block Attention Module (ECCV 2018), Eqs. 1 to 3:
    X' = X * sigmoid(MLP(mean(X)) + MLP(max(X))), X'' = X' * sigmoid(BN(conv7x7(mean_c(X'), max_c(X')))),
with c / 16 hidden channels and biases in the MLP.
Code: timm's CbamModule (Apache-2.0) with the biases that the printed parameters contain.
"""

from __future__ import annotations

from typing import ClassVar

import torch
from timm.layers.cbam import CbamModule
from torch import Tensor

from saccade.gates.catalogue import gates
from saccade.gates.checks import check_odd
from saccade.gates.gate import Gate, hidden_channels
from saccade.gates.placement import Placement


@gates.register("cbam")
class CBAM(Gate):
    """Convolutional block attention module.

    Args:
        channels: C of the features, at least 1.
        reduction: C by the hidden channels, at least 1.
        kernel_size: side of the spatial kernel, odd.

    Raises:
        GateError: an argument is out of range.

    Source: Woo et al. 2018, Eqs. 1 to 3.
    """

    placement: ClassVar[Placement] = Placement("blocks")

    def __init__(self, channels: int, reduction: int = 16, kernel_size: int = 7) -> None:
        super().__init__(channels)
        check_odd(kernel_size=kernel_size)
        self.module = CbamModule(
            channels,
            rd_channels=hidden_channels(channels, reduction),
            spatial_kernel_size=kernel_size,
            mlp_bias=True,
        )

    def channel_attention(self, x: Tensor) -> Tensor:
        """Returns the weights of the channels in (0, 1), (N, C, 1, 1)."""
        part = self.module.channel
        logits = [part.fc2(part.act(part.fc1(pooled))) for pooled in (x.mean((2, 3), True), x.amax((2, 3), True))]
        weights: Tensor = part.gate(logits[0] + logits[1])
        return weights

    def spatial_attention(self, x: Tensor) -> Tensor:
        """Returns the weights of the places in (0, 1), (N, 1, H, W), for features that the channels already gated."""
        part = self.module.spatial
        weights: Tensor = part.gate(part.conv(torch.cat((x.mean(1, True), x.amax(1, True)), 1)))
        return weights

    def attention(self, x: Tensor) -> Tensor:
        """Returns the product of both, in (0, 1), (N, C, H, W)."""
        channels = self.channel_attention(x)
        return channels * self.spatial_attention(x * channels)

    def forward(self, x: Tensor) -> Tensor:
        """Returns the gated features, (N, C, H, W)."""
        gated: Tensor = self.module(x)
        return gated
