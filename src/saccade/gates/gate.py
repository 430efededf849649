"""What all gates have in common: channels in, the same channels out, a map to look at and a place in the network."""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor, nn

from saccade.errors import GateError
from saccade.gates.checks import check_at_least
from saccade.gates.placement import Placement


class Gate(nn.Module):
    """An attention gate: takes features and returns gated features of the same shape.

    Args:
        channels: C of the features, at least 1.

    Raises:
        GateError: ``channels`` is below 1.
    """

    placement: ClassVar[Placement]
    """Where the gate's paper puts it."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        if isinstance(channels, bool) or not isinstance(channels, int) or channels < 1:
            raise GateError(f"channels is {channels!r}; give the number of channels of the features, at least 1")
        self.channels = channels

    def attention(self, x: Tensor) -> Tensor:
        """Returns the gate's own map, computed afresh; nothing is kept in the module.

        Args:
            x: (N, C, H, W), what the gate would be called with.

        Returns:
            (N, K, H or 1, W or 1), values as the class states: K = C for a map a channel, 1 for one map of places.
        """
        raise NotImplementedError

    def forward(self, x: Tensor) -> Tensor:
        """Returns the gated features, (N, C, H, W)."""
        return x * self.attention(x)

    def extra_repr(self) -> str:
        """Returns the channels for the module's printed form."""
        return f"{self.channels}"


def hidden_channels(channels: int, reduction: int) -> int:
    """Returns ``channels / reduction`` rounded down, at least 1.

    Raises:
        GateError: ``reduction`` is below 1.
    """
    check_at_least(1, reduction=reduction)
    return max(1, channels // reduction)
