"""The regular grid of places in the coordinates of torch's grid_sample."""

from __future__ import annotations

import torch
from torch import Tensor


def regular_grid(height: int, width: int, like: Tensor) -> Tensor:
    """Returns the places' centres, (H, W, 2): (y, x) in [-1, 1] from edge to edge, in the type of ``like``."""
    y, x = (torch.arange(size, device=like.device, dtype=like.dtype) for size in (height, width))
    return torch.stack(torch.meshgrid((2 * y + 1) / height - 1, (2 * x + 1) / width - 1, indexing="ij"), -1)
