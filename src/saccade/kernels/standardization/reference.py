"""Zero mean and unit variance by given moments."""

from __future__ import annotations

import torch

from saccade.graph import Standardization


def reference(
    operator: Standardization, input: torch.Tensor, moments: torch.Tensor, *, shape: tuple[int, ...]
) -> torch.Tensor:
    """Returns ``input`` (N, C, H, W) less the mean, times the reciprocal deviation and the weight, plus the bias."""
    mean, scale = moments.chunk(2, 1)
    if operator.weight is not None:
        scale = scale * operator.weight[:, None, None]
    result = (input - mean) * scale
    return result if operator.bias is None else result + operator.bias[:, None, None]
