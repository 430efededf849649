"""Zero mean and unit variance over the channels of each place."""

from __future__ import annotations

import torch
import torch.nn.functional as F

from saccade.graph import LayerNormalization


def reference(operator: LayerNormalization, input: torch.Tensor, *, shape: tuple[int, ...]) -> torch.Tensor:
    """Returns ``input`` (N, C, H, W), normalised over C, times the weight plus the bias."""
    last = input.permute(0, 2, 3, 1)
    result = F.layer_norm(last, (input.shape[1],), operator.weight, operator.bias, operator.epsilon)
    return result.permute(0, 3, 1, 2)
