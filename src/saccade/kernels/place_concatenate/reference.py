"""Places one after the other."""

from __future__ import annotations

import torch

from saccade.graph import PlaceConcatenate


def reference(operator: PlaceConcatenate, *inputs: torch.Tensor, shape: tuple[int, ...]) -> torch.Tensor:
    """Returns ``inputs``, each (N, C_i, H_i, W_i) and seen by its layout, joined to (N, C, 1, sum of P_i)."""
    return torch.cat([layout.apply(input) for layout, input in zip(operator.layouts, inputs, strict=True)], dim=3)
