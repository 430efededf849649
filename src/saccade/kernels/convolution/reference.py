"""Cross-correlation with zero padding: all at once, place by place, and only where something changed."""

from __future__ import annotations

import torch
import torch.nn.functional as F

from saccade.graph import Convolution
from saccade.kernels.windows import windows


def reference(operator: Convolution, input: torch.Tensor, *, shape: tuple[int, ...]) -> torch.Tensor:
    """Returns the convolution of ``input`` (N, C_in, H, W): (N, C_out, H_out, W_out)."""
    top, left, bottom, right = operator.padding
    padded = F.pad(input, (left, right, top, bottom))
    return F.conv2d(padded, operator.weight, operator.bias, operator.stride, 0, operator.dilation, operator.groups)


def sequential(operator: Convolution, input: torch.Tensor, *, shape: tuple[int, ...]) -> torch.Tensor:
    """Returns what ``reference`` returns, computed place by place.

    Args:
        operator: the convolution; one group.
        input: (N, C_in, H, W).
        shape: of the output, (N, C_out, H_out, W_out).

    Source: Borji 2024, Fig. 8 (CNN2). One matrix-vector product a place takes the place of its loop over channels.
    """
    everywhere = torch.ones(shape[0], *shape[2:], dtype=torch.bool)
    return change_driven(operator, input, input.new_zeros(shape), everywhere, in_place=True)


def change_driven(
    operator: Convolution,
    input: torch.Tensor,
    previous: torch.Tensor,
    active: torch.Tensor,
    *,
    in_place: bool = False,
) -> torch.Tensor:
    """Returns the previous output with the active places computed anew, one after the other.

    Args:
        operator: the convolution; one group.
        input: (N, C_in, H, W).
        previous: (N, C_out, H_out, W_out), the output so far; what is not active keeps its value.
        active: (N, H_out, W_out), boolean, the places to compute.
        in_place: write into ``previous`` and return it, as the published program does.

    Source: Borji 2024, Fig. 9 (CNN3); which places are active is the policy's part, see ``saccade.policy.borji``.
    """
    output = previous if in_place else previous.clone()
    top, left, bottom, right = operator.padding
    padded = F.pad(input, (left, right, top, bottom))
    weight = operator.weight.flatten(1)
    bias = operator.bias if operator.bias is not None else weight.new_zeros(len(weight))
    kernel = (operator.weight.shape[2], operator.weight.shape[3])
    for image, row, column, window in windows(padded, kernel, operator.stride, operator.dilation, active):
        output[image, :, row, column] = torch.addmv(bias, weight, window.reshape(-1))
    return output
