"""Nearest or bilinear interpolation."""

from __future__ import annotations

import torch

from saccade.graph import Upsample


def reference(operator: Upsample, input: torch.Tensor, *, shape: tuple[int, ...]) -> torch.Tensor:
    """Returns ``input`` (N, C, H, W) interpolated to ``shape``."""
    rows, columns = operator.scale or (None, None)
    if operator.mode == "nearest":
        return torch.ops.aten.upsample_nearest2d.default(input, shape[2:], rows, columns)  # type: ignore[no-any-return]
    return torch.ops.aten.upsample_bilinear2d.default(  # type: ignore[no-any-return]
        input, shape[2:], operator.align_corners, rows, columns
    )
