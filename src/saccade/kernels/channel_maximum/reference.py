"""The largest channel of each place."""

from __future__ import annotations

import torch

from saccade.graph import ChannelMaximum


def reference(operator: ChannelMaximum, input: torch.Tensor, *, shape: tuple[int, ...]) -> torch.Tensor:
    """Returns the maximum of ``input`` (N, C, H, W) over C: (N, 1, H, W)."""
    return input.amax(1, keepdim=True)
