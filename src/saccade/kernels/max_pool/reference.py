"""The largest value of each window."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F

from saccade.graph import MaxPool


def reference(operator: MaxPool, input: torch.Tensor, *, shape: tuple[int, ...]) -> torch.Tensor:
    """Returns the maxima of ``input`` (N, C, H, W) as ``shape``; a last window may reach beyond the padding."""
    top, left, _, _ = operator.padding
    spans = [
        (out - 1) * step + (size - 1) * dilation + 1
        for out, step, size, dilation in zip(
            shape[2:], operator.stride, operator.kernel, operator.dilation, strict=True
        )
    ]
    bottom, right = spans[0] - top - input.shape[2], spans[1] - left - input.shape[3]
    padded = F.pad(input, (left, right, top, bottom), value=-math.inf)
    return F.max_pool2d(padded, operator.kernel, operator.stride, 0, operator.dilation)
