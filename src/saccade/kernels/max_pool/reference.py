"""The largest value of each window: all at once, place by place, and only where something changed."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F

from saccade.graph import MaxPool
from saccade.kernels.windows import windows


def reference(operator: MaxPool, input: torch.Tensor, *, shape: tuple[int, ...]) -> torch.Tensor:
    """Returns the maxima of ``input`` (N, C, H, W) as ``shape``; a last window may reach beyond the padding."""
    return F.max_pool2d(_padded(operator, input, shape), operator.kernel, operator.stride, 0, operator.dilation)


def sequential(operator: MaxPool, input: torch.Tensor, *, shape: tuple[int, ...]) -> torch.Tensor:
    """Returns what ``reference`` returns, computed place by place.

    Args:
        operator: the pooling.
        input: (N, C, H, W).
        shape: of the output, (N, C, H_out, W_out).

    Source: Borji 2024, Fig. 8 (CNN2). One maximum over all channels a place takes the place of its loop over channels.
    """
    everywhere = torch.ones(shape[0], *shape[2:], dtype=torch.bool)
    return change_driven(operator, input, input.new_zeros(shape), everywhere, in_place=True)


def change_driven(
    operator: MaxPool,
    input: torch.Tensor,
    previous: torch.Tensor,
    active: torch.Tensor,
    *,
    in_place: bool = False,
) -> torch.Tensor:
    """Returns the previous output with the active places computed anew, one after the other.

    Args:
        operator: the pooling.
        input: (N, C, H, W).
        previous: (N, C, H_out, W_out), the output so far; what is not active keeps its value.
        active: (N, H_out, W_out), boolean, the places to compute.
        in_place: write into ``previous`` and return it, as the published program does.

    Source: Borji 2024, Fig. 9 (CNN3); which places are active is the policy's part, see ``saccade.policy.borji``.
    """
    output = previous if in_place else previous.clone()
    padded = _padded(operator, input, tuple(previous.shape))
    for image, row, column, window in windows(padded, operator.kernel, operator.stride, operator.dilation, active):
        output[image, :, row, column] = window.amax((1, 2))
    return output


def _padded(operator: MaxPool, input: torch.Tensor, shape: tuple[int, ...]) -> torch.Tensor:
    """Returns ``input`` with minus infinity around it, as far as the windows of an output of ``shape`` reach."""
    top, left, _, _ = operator.padding
    spans = [
        (out - 1) * step + (size - 1) * dilation + 1
        for out, step, size, dilation in zip(
            shape[2:], operator.stride, operator.kernel, operator.dilation, strict=True
        )
    ]
    bottom, right = spans[0] - top - input.shape[2], spans[1] - left - input.shape[3]
    return F.pad(input, (left, right, top, bottom), value=-math.inf)
