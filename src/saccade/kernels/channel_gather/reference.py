"""A choice of channels."""

from __future__ import annotations

import torch

from saccade.graph import ChannelGather


def reference(operator: ChannelGather, input: torch.Tensor, *, shape: tuple[int, ...]) -> torch.Tensor:
    """Returns the channels ``operator.indices`` of ``input`` (N, C_in, H, W): (N, C_out, H, W)."""
    return input[:, list(operator.indices)]
