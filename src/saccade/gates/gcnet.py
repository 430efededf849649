"""GCNet: adds to every place one vector, made of a softmax-weighted mean of all places.

Paper: Y. Cao et al., GCNet: Non-local Networks Meet Squeeze-Excitation Networks and Beyond (ICCV workshops 2019),
Eq. 5:
    X + W2 relu(LayerNorm(W1 sum over p of softmax_p(w . X_p) X_p)), with c / 16 hidden channels.
Code: timm's GlobalContext (Apache-2.0), added and not multiplied. The last layer starts at zero, its bias too, which
timm leaves random: the gate starts as the identity.
"""

from __future__ import annotations

from typing import Any, ClassVar

from timm.layers.global_context import GlobalContext
from torch import Tensor, nn

from saccade.gates.catalogue import gates
from saccade.gates.gate import Gate, hidden_channels
from saccade.gates.placement import Placement


@gates.register("gcnet")
class GCNet(Gate):
    """Global context block.

    Args:
        channels: C of the features, at least 1.
        reduction: C by the hidden channels, at least 1.

    Raises:
        GateError: an argument is out of range.

    Source: Cao et al. 2019, Eq. 5.
    """

    placement: ClassVar[Placement] = Placement("blocks")

    def __init__(self, channels: int, reduction: int = 16) -> None:
        super().__init__(channels)
        hidden = hidden_channels(channels, reduction)
        context: Any = GlobalContext(channels, fuse_add=True, fuse_scale=False, rd_channels=hidden)
        nn.init.zeros_(context.mlp_add.fc2.bias)
        self.context = context

    def attention(self, x: Tensor) -> Tensor:
        """Returns how much each place counts in the context, (N, 1, H, W), adding up to 1."""
        logits: Tensor = self.context.conv_attn(x)
        return logits.flatten(2).softmax(-1).reshape(logits.shape)

    def forward(self, x: Tensor) -> Tensor:
        """Returns the features with the context added, (N, C, H, W)."""
        added: Tensor = self.context(x)
        return added
