"""The mean of each window."""

from __future__ import annotations

import torch
import torch.nn.functional as F

from saccade.graph import AveragePool


def reference(operator: AveragePool, input: torch.Tensor, *, shape: tuple[int, ...]) -> torch.Tensor:
    """Returns the means of ``input`` (N, C, H, W) as ``shape``.

    Source: torch.nn.AvgPool2d; the divisor counts the input's pixels and, where the operator says so, the padding's,
    but never what lies beyond the padding.
    """
    top, left, bottom, right = operator.padding
    spans = [
        (out - 1) * step + size for out, step, size in zip(shape[2:], operator.stride, operator.kernel, strict=True)
    ]
    beyond = (0, spans[1] - left - input.shape[3] - right, 0, spans[0] - top - input.shape[2] - bottom)
    border = (left, right, top, bottom)
    padded = F.pad(F.pad(input, border), beyond)
    sums = F.avg_pool2d(padded, operator.kernel, operator.stride, divisor_override=1)
    if operator.divisor is not None:
        return sums / operator.divisor
    pixels = input.new_ones((1, 1, input.shape[2], input.shape[3]))
    counted = F.pad(F.pad(pixels, border, value=1.0 if operator.count_include_pad else 0.0), beyond)
    return sums / F.avg_pool2d(counted, operator.kernel, operator.stride, divisor_override=1)
