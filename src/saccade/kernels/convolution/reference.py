"""Cross-correlation with zero padding."""

from __future__ import annotations

import torch
import torch.nn.functional as F

from saccade.graph import Convolution


def reference(operator: Convolution, input: torch.Tensor, *, shape: tuple[int, ...]) -> torch.Tensor:
    """Returns the convolution of ``input`` (N, C_in, H, W): (N, C_out, H_out, W_out)."""
    top, left, bottom, right = operator.padding
    padded = F.pad(input, (left, right, top, bottom))
    return F.conv2d(padded, operator.weight, operator.bias, operator.stride, 0, operator.dilation, operator.groups)
