"""Softmax over the channels of each place."""

from __future__ import annotations

import torch

from saccade.graph import Softmax


def reference(operator: Softmax, input: torch.Tensor, *, shape: tuple[int, ...]) -> torch.Tensor:
    """Returns the softmax of ``input`` (N, C, H, W) over C, or its logarithm."""
    return input.log_softmax(1) if operator.logarithm else input.softmax(1)
