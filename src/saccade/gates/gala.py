"""GALA: a channel vector and a spatial map, joined by learned weights of their sum and of their product.

Paper: D. Linsley et al., Learning what and where to attend (ICLR 2019), Section 3:
    global saliency s_g = W2 relu(W1 mean(X)), a vector of channels;
    local saliency s_l = V3 relu(V2 relu(V1 X)), one map of places, V1 and V3 1x1, V2 5x5, c / 4 channels;
    X * tanh(a (s_g + s_l) + b s_g s_l), with learned a and b for each channel; in the blocks of the third stage.
Code: none used. A sigmoid in place of tanh, which keeps the gate from turning signs around, is an option.
"""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor, nn

from saccade.gates.catalogue import gates
from saccade.gates.checks import check_known, check_odd
from saccade.gates.gate import Gate, hidden_channels
from saccade.gates.placement import Placement


@gates.register("gala")
class GALA(Gate):
    """Global and local attention.

    Args:
        channels: C of the features, at least 1.
        reduction: C by the hidden channels, at least 1.
        kernel_size: side of the local kernel, odd.
        squash: "tanh" or "sigmoid".

    Raises:
        GateError: an argument is out of range.

    Source: Linsley et al. 2019, Section 3.
    """

    placement: ClassVar[Placement] = Placement("blocks", stages=(3,))

    def __init__(self, channels: int, reduction: int = 4, kernel_size: int = 5, squash: str = "tanh") -> None:
        super().__init__(channels)
        check_odd(kernel_size=kernel_size)
        check_known(squash, ("sigmoid", "tanh"), "squash")
        hidden = hidden_channels(channels, reduction)
        self.squash = squash
        self.channel = nn.Sequential(
            nn.AdaptiveAvgPool2d(1), nn.Conv2d(channels, hidden, 1), nn.ReLU(), nn.Conv2d(hidden, channels, 1)
        )
        self.spatial = nn.Sequential(
            nn.Conv2d(channels, hidden, 1),
            nn.ReLU(),
            nn.Conv2d(hidden, hidden, kernel_size, padding=kernel_size // 2),
            nn.ReLU(),
            nn.Conv2d(hidden, 1, 1),
        )
        self.sum_weight = nn.Parameter(torch.ones(channels, 1, 1))
        self.product_weight = nn.Parameter(torch.ones(channels, 1, 1))

    def attention(self, x: Tensor) -> Tensor:
        """Returns the weights, (N, C, H, W), in (-1, 1), or in (0, 1) with the sigmoid."""
        channel, spatial = self.channel(x), self.spatial(x)
        logits: Tensor = self.sum_weight * (channel + spatial) + self.product_weight * (channel * spatial)
        return logits.tanh() if self.squash == "tanh" else logits.sigmoid()
