"""A constant border; a negative width cuts."""

from __future__ import annotations

import torch
import torch.nn.functional as F

from saccade.graph import Pad


def reference(operator: Pad, input: torch.Tensor, *, shape: tuple[int, ...]) -> torch.Tensor:
    """Returns ``input`` (N, C, H, W) with its border: (N, before + C + after, top + H + bottom, left + W + right)."""
    top, left, bottom, right = operator.padding
    return F.pad(input, (left, right, top, bottom, *operator.channels), value=operator.value)
