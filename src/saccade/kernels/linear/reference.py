"""A fully connected layer over all of C, H, W."""

from __future__ import annotations

import torch
import torch.nn.functional as F

from saccade.graph import Linear


def reference(operator: Linear, input: torch.Tensor, *, shape: tuple[int, ...]) -> torch.Tensor:
    """Returns (N, F, 1, 1) for ``input`` (N, C, H, W)."""
    return F.linear(input.flatten(1), operator.weight, operator.bias)[:, :, None, None]
