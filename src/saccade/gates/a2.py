"""A2: gathers global descriptors by one attention and distributes them to every place by another.

Paper: Y. Chen et al., A^2-Nets: Double Attention Networks (NeurIPS 2018), Eq. 5, with c / 2 descriptors of c / 2
channels:
    X + W (A softmax_places(B)^T) softmax_descriptors(V), where A, B and V are 1x1 convolutions of X.
Every other block of the second and third stages. Code: none used.
"""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor, nn

from saccade.gates.catalogue import gates
from saccade.gates.gate import Gate, hidden_channels
from saccade.gates.placement import Placement


@gates.register("a2")
class A2(Gate):
    """Double attention.

    Args:
        channels: C of the features, at least 1.
        reduction: C by the channels of a descriptor, and by their number, at least 1.

    Raises:
        GateError: an argument is out of range.

    Source: Chen et al. 2018, Eq. 5.
    """

    placement: ClassVar[Placement] = Placement("blocks", stages=(2, 3), position="after_block", every_other_block=True)

    def __init__(self, channels: int, reduction: int = 2) -> None:
        super().__init__(channels)
        hidden = hidden_channels(channels, reduction)
        self.features = nn.Conv2d(channels, hidden, 1)
        self.gathering = nn.Conv2d(channels, hidden, 1)
        self.distribution = nn.Conv2d(channels, hidden, 1)
        self.expansion = nn.Conv2d(hidden, channels, 1)

    def attention(self, x: Tensor) -> Tensor:
        """Returns how much each place counts in each descriptor, (N, C / reduction, H, W); each map adds up to 1."""
        logits: Tensor = self.gathering(x)
        return logits.flatten(2).softmax(-1).reshape(logits.shape)

    def forward(self, x: Tensor) -> Tensor:
        """Returns the features with what was distributed added, (N, C, H, W)."""
        descriptors = self.features(x).flatten(2) @ self.attention(x).flatten(2).transpose(1, 2)
        vectors = self.distribution(x).softmax(1)
        distributed = (descriptors @ vectors.flatten(2)).reshape(vectors.shape)
        added: Tensor = x + self.expansion(distributed)
        return added
