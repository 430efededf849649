"""The adjoint of a convolution, as torch.nn.ConvTranspose2d computes it."""

from __future__ import annotations

import torch
import torch.nn.functional as F

from saccade.graph import TransposedConvolution


def reference(operator: TransposedConvolution, input: torch.Tensor, *, shape: tuple[int, ...]) -> torch.Tensor:
    """Returns the transposed convolution of ``input`` (N, C_in, H, W), cut or zero-extended to ``shape``."""
    full = F.conv_transpose2d(input, operator.weight, None, operator.stride, 0, 0, operator.groups, operator.dilation)
    top, left = operator.padding
    result = F.pad(full, (-left, shape[3] - full.shape[3] + left, -top, shape[2] - full.shape[2] + top))
    return result if operator.bias is None else result + operator.bias.view(1, -1, 1, 1)
