"""EMCA: squeeze and excitation in a stage's last block, which also sees what the stage's earlier blocks squeezed.

Paper: E. Bakr, A. El-Sallab, M. Rashwan, EMCA: Efficient Multiscale Channel Attention Module (IEEE Access 2022): the
channel means of all blocks of a stage are fused by a 1-D convolution along the channels, then W2 relu(W1 .) and sigmoid
as in SE with c / 16 hidden channels and without biases; one gate a stage.
Code: none used. The paper's printed sizes are in units of 2^20. The fusing kernel starts as the mean of the vectors,
which the paper does not say.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Tensor, nn

from saccade.errors import GateError
from saccade.gates.catalogue import gates
from saccade.gates.checks import check_at_least, check_odd
from saccade.gates.gate import Gate, hidden_channels
from saccade.gates.placement import Placement


@gates.register("emca")
class EMCA(Gate):
    """Efficient multiscale channel attention.

    Args:
        channels: C of the features, at least 1.
        earlier: earlier blocks of the stage that are fused, at least 0.
        reduction: C by the hidden channels, at least 1.
        kernel_size: neighbouring channels that are fused, odd.

    Raises:
        GateError: an argument is out of range.

    Source: Bakr et al. 2022.
    """

    placement: ClassVar[Placement] = Placement("last_blocks", earlier_blocks=True)

    def __init__(self, channels: int, earlier: int = 0, reduction: int = 16, kernel_size: int = 3) -> None:
        super().__init__(channels)
        check_at_least(0, earlier=earlier)
        check_odd(kernel_size=kernel_size)
        self.earlier = earlier
        self.fusion = nn.Conv1d(earlier + 1, 1, kernel_size, padding=kernel_size // 2, bias=False)
        nn.init.zeros_(self.fusion.weight)
        nn.init.constant_(self.fusion.weight[:, :, kernel_size // 2], 1 / (earlier + 1))
        hidden = hidden_channels(channels, reduction)
        self.excitation = nn.Sequential(
            nn.Linear(channels, hidden, bias=False), nn.ReLU(), nn.Linear(hidden, channels, bias=False), nn.Sigmoid()
        )

    def attention(self, x: Tensor, earlier: Sequence[Tensor] = ()) -> Tensor:
        """Returns the weights of the channels in (0, 1), (N, C, 1, 1).

        Args:
            x: (N, C, H, W).
            earlier: outputs of the stage's earlier blocks, oldest first, each (N, C, H, W).

        Raises:
            GateError: their number is not the one that the gate was made for.
        """
        if len(earlier) != self.earlier:
            raise GateError(
                f"the gate was made for {self.earlier} earlier blocks and was given {len(earlier)}; "
                "call it as gate(x, earlier) with the outputs of all earlier blocks of the stage"
            )
        squeezed = torch.stack([features.mean((2, 3)) for features in (*earlier, x)], 1)
        weights: Tensor = self.excitation(self.fusion(squeezed).squeeze(1))
        return weights[:, :, None, None]

    def forward(self, x: Tensor, earlier: Sequence[Tensor] = ()) -> Tensor:
        """Returns the gated features, (N, C, H, W); arguments and errors as for ``attention``."""
        return x * self.attention(x, earlier)
