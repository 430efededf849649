"""The mean and the reciprocal standard deviation of each group of channels over an image."""

from __future__ import annotations

import torch

from saccade.graph import GroupMoments


def reference(operator: GroupMoments, input: torch.Tensor, *, shape: tuple[int, ...]) -> torch.Tensor:
    """Returns the moments of ``input`` (N, C, H, W), each repeated for its group's channels: (N, 2 * C, 1, 1)."""
    batch, channels = input.shape[:2]
    grouped = input.reshape(batch, operator.groups, -1)
    mean = grouped.mean(2, keepdim=True)
    variance = (grouped - mean).square().mean(2)
    moments = torch.stack((mean[:, :, 0], 1 / torch.sqrt(variance + operator.epsilon)), 1)
    return moments.repeat_interleave(channels // operator.groups, 2).reshape(shape)
