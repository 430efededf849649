"""What a tensor's consumers are told of it."""

from __future__ import annotations

import torch

from saccade.graph import Transmission


def reference(operator: Transmission, input: torch.Tensor, *, shape: tuple[int, ...]) -> torch.Tensor:
    """Returns what consumers are told of a first frame: all of it, (N, C, H, W)."""
    return input


def update(
    operator: Transmission, input: torch.Tensor, told: torch.Tensor, thresholds: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Returns what consumers are told of a later frame, and which elements of it are news to them.

    Args:
        operator: says what is sent.
        input: (N, C, H, W).
        told: (N, C, H, W), what they were told last.
        thresholds: (C,), or (N or 1, C, H or 1, W or 1) where they differ from place to place; 0 or more; above 0 for
            whole places, which are sent where the largest, or the root mean square, of difference / threshold is above
            1.

    Returns:
        The new copy (N, C, H, W), and the sent elements (N, C, H, W), boolean. NaN is always sent.
    """
    thresholds = thresholds[:, None, None] if thresholds.dim() == 1 else thresholds
    excess = (input - told).abs() / thresholds
    if operator.sending == "elements":
        sent = ~((input - told).abs() <= thresholds)
    elif operator.sending == "places_by_largest":
        sent = ~(excess.nan_to_num(torch.inf).amax(1, keepdim=True) <= 1).expand_as(input)
    else:
        sent = ~(excess.square().mean(1, keepdim=True) <= 1).expand_as(input)
    return torch.where(sent, input, told), sent
