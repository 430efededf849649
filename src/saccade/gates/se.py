"""SE: one weight a channel from the channel means.

Paper: J. Hu, L. Shen, G. Sun, Squeeze-and-Excitation Networks (CVPR 2018), Eqs. 2 to 4:
    X * sigmoid(W2 relu(W1 mean(X))), with c / 16 hidden channels and no biases.
Code: timm's SEModule (Apache-2.0), with its hidden width not rounded to multiples of 8, which is the paper's.
"""

from __future__ import annotations

from typing import ClassVar

from timm.layers.squeeze_excite import SEModule
from torch import Tensor

from saccade.gates.catalogue import gates
from saccade.gates.gate import Gate, hidden_channels
from saccade.gates.placement import Placement


@gates.register("se")
class SE(Gate):
    """Squeeze and excitation.

    Args:
        channels: C of the features, at least 1.
        reduction: C by the hidden channels, at least 1.
        bias: biases in both layers.

    Raises:
        GateError: an argument is out of range.

    Source: Hu et al. 2018, Eqs. 2 to 4.
    """

    placement: ClassVar[Placement] = Placement("blocks")

    def __init__(self, channels: int, reduction: int = 16, bias: bool = False) -> None:
        super().__init__(channels)
        self.excitation = SEModule(channels, rd_channels=hidden_channels(channels, reduction), bias=bias)

    def attention(self, x: Tensor) -> Tensor:
        """Returns the weights of the channels in (0, 1), (N, C, 1, 1)."""
        module = self.excitation
        hidden = module.act(module.fc1(x.mean((2, 3), keepdim=True)))
        weights: Tensor = module.gate(module.fc2(hidden))
        return weights

    def forward(self, x: Tensor) -> Tensor:
        """Returns the gated features, (N, C, H, W)."""
        gated: Tensor = self.excitation(x)
        return gated
