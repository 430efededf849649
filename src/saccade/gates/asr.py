"""ASR: channel weights that do not depend on the image, so that they vanish into the batch norm after training.

Paper: S. Zhong et al., ASR: Attention-alike Structural Re-parameterization (arXiv 2304.06345), Eqs. 5 to 7:
    BN(X) * SE(v) with a learned vector v that starts at 0.1; at inference the product is one batch norm.
Code: none used. The excitation has c / 16 hidden channels and no biases, as SE here; at inference it is gone.
"""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor, nn

from saccade.errors import GateError
from saccade.gates.catalogue import gates
from saccade.gates.gate import Gate, hidden_channels
from saccade.gates.placement import Placement


@gates.register("asr")
class ASR(Gate):
    """Attention-alike structural re-parameterization.

    Args:
        channels: C of the features, at least 1.
        reduction: C by the hidden channels, at least 1.
        start: value of the learned vector at the start.

    Raises:
        GateError: an argument is out of range.

    Source: Zhong et al. 2023, Eqs. 5 to 7.
    """

    placement: ClassVar[Placement] = Placement("blocks")

    def __init__(self, channels: int, reduction: int = 16, start: float = 0.1) -> None:
        super().__init__(channels)
        hidden = hidden_channels(channels, reduction)
        self.vector = nn.Parameter(torch.full((channels,), float(start)))
        self.excitation = nn.Sequential(
            nn.Linear(channels, hidden, bias=False), nn.ReLU(), nn.Linear(hidden, channels, bias=False), nn.Sigmoid()
        )

    def weights(self) -> Tensor:
        """Returns the weights of the channels in (0, 1), (C,)."""
        weights: Tensor = self.excitation(self.vector)
        return weights

    def attention(self, x: Tensor) -> Tensor:
        """Returns the weights of the channels in (0, 1), the same for every image, (N, C, 1, 1)."""
        return self.weights()[:, None, None].expand(x.shape[0], -1, 1, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Returns the gated features, (N, C, H, W)."""
        return x * self.weights()[:, None, None]

    @torch.no_grad()
    def fold(self, norm: nn.BatchNorm2d) -> None:
        """Multiplies the batch norm before the gate by the gate's weights, in place; then the gate can be taken out.

        Args:
            norm: the batch norm whose output the gate multiplies, with scale and shift, over C channels.

        Raises:
            GateError: the norm has other channels, or no scale and shift.
        """
        if norm.num_features != self.channels or not norm.affine:
            raise GateError(
                f"a gate of {self.channels} channels cannot be folded into {norm}; "
                "give the batch norm with scale and shift whose output it multiplies"
            )
        norm.weight.mul_(self.weights())
        norm.bias.mul_(self.weights())
