"""Deformable convolution as torch's grid_sample and a 1x1 convolution, for runtimes without a deformable operator."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def by_grid_sample(x: Tensor, offset: Tensor, mask: Tensor | None, weight: Tensor) -> Tensor:
    """Returns the deformable convolution, (N, C, H, W).

    Samples are taken in float32 at least, whatever the type of ``x``.

    Args:
        x: (N, M, H, W).
        offset: (N, 2 * G * K, H, W) in places, (dy, dx) a tap, taps row by row, offset groups outermost.
        mask: (N, G * K, H, W), or None for all ones.
        weight: (C, M / groups, k, k) with k odd and K = k * k.
    """
    batch, channels, height, width = x.shape
    side = weight.shape[-1]
    taps = side * side
    offset_groups = offset.shape[1] // (2 * taps)
    kind, precise = x.dtype, torch.promote_types(x.dtype, torch.float32)
    if precise != kind or offset.dtype != kind:  # in an exported graph a conversion to the same type is still a node
        x, offset, mask = x.to(precise), offset.to(precise), None if mask is None else mask.to(precise)
    shift = offset.reshape(batch * offset_groups, taps, 2, height, width)
    rows = shift[:, :, 0] + _grid(height, width, side, 0, offset)
    columns = shift[:, :, 1] + _grid(height, width, side, 1, offset)
    # With align_corners=False the coordinate c of [-1, 1] is the place ((c + 1) * size - 1) / 2.
    grid = torch.stack(((2 * columns + 1) / width - 1, (2 * rows + 1) / height - 1), dim=-1)
    sampled = F.grid_sample(
        x.reshape(batch * offset_groups, channels // offset_groups, height, width),
        grid.reshape(batch * offset_groups, taps * height, width, 2),
        align_corners=False,
    ).reshape(batch, offset_groups, channels // offset_groups, taps, height, width)
    if mask is not None:
        sampled = sampled * mask.reshape(batch, offset_groups, 1, taps, height, width)
    if precise != kind:
        sampled = sampled.to(kind)
    kernel = weight.reshape(weight.shape[0], -1, 1, 1)
    if weight.dtype != kind:
        kernel = kernel.to(kind)
    return F.conv2d(sampled.reshape(batch, channels * taps, height, width), kernel, groups=channels // weight.shape[1])


def _grid(height: int, width: int, side: int, axis: int, like: Tensor) -> Tensor:
    """Returns where each tap of each place lies without offset, (1, taps, H or 1, W or 1)."""
    tap = torch.arange(side * side, device=like.device).reshape(1, -1, 1, 1)
    if axis == 0:
        place = torch.arange(height, device=like.device).reshape(1, 1, -1, 1)
        return (place + tap // side - side // 2).to(like.dtype)
    place = torch.arange(width, device=like.device).reshape(1, 1, 1, -1)
    return (place + tap % side - side // 2).to(like.dtype)
