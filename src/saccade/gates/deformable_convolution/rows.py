"""Deformable convolution as weighted sums of rows: the fastest form in plain torch on a CPU.

In channels_last a place is a row of M contiguous numbers. A sample at a fraction of a place is a weighted sum of four
rows, with the mask folded into the weights; torch's embedding_bag is a vectorised kernel for exactly that. The samples
of all taps of a place then lie side by side, and the kernel is one matrix product, or, where it is depthwise, an
ordinary depthwise convolution over the taps.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def by_rows(x: Tensor, offset: Tensor, mask: Tensor | None, weight: Tensor) -> Tensor:
    """Returns the deformable convolution, (N, C, H, W), in the memory format of ``x``.

    Samples are taken in float32 at least, whatever the type of ``x``.

    Args:
        x: (N, M, H, W).
        offset: (N, 2 * G * K, H, W) in places, (dy, dx) a tap, taps row by row, offset groups outermost.
        mask: (N, G * K, H, W), or None for all ones.
        weight: (C, M / groups, k, k) with k odd and K = k * k.
    """
    batch, channels, height, width = x.shape
    taps, outputs = weight.shape[-1] ** 2, weight.shape[0]
    precise = torch.promote_types(x.dtype, torch.float32)
    index, weights = _corners(offset.to(precise), None if mask is None else mask.to(precise), weight.shape[-1])
    offset_groups = index.shape[1]
    if offset_groups > 1:
        group = torch.arange(offset_groups, device=x.device, dtype=index.dtype)
        index = index * offset_groups + group.reshape(-1, 1, 1, 1)
    # A border of zeros, so that no corner needs a test for being outside.
    rows = F.pad(x.to(precise).permute(0, 2, 3, 1), (0, 0, 1, 1, 1, 1)).reshape(-1, channels // offset_groups)
    samples = F.embedding_bag(_bags(index), rows, mode="sum", per_sample_weights=_bags(weights))
    result = _product(samples.to(x.dtype).reshape(-1, taps, channels), weight.to(x.dtype))
    result = result.reshape(batch, height, width, outputs).permute(0, 3, 1, 2)
    return result.contiguous() if x.is_contiguous() else result


def _product(samples: Tensor, weight: Tensor) -> Tensor:
    """Returns the kernel's outputs, (places, C), for samples (places, K, M)."""
    places, taps, channels = samples.shape
    outputs, inputs = weight.shape[:2]
    if inputs == channels:
        # A view where the weights lie in channels_last, as DeformableKernel keeps them.
        return F.linear(samples.reshape(places, -1), weight.permute(0, 2, 3, 1).reshape(outputs, -1))
    # As an image with one row a place and one column a tap, in channels_last.
    image = samples.unsqueeze(0).permute(0, 3, 1, 2)
    kernel = weight.reshape(outputs, inputs, 1, taps)
    return F.conv2d(image, kernel, groups=channels // inputs).permute(0, 2, 3, 1).reshape(places, outputs)


def _bags(corners: Tensor) -> Tensor:
    """Returns (N, G, K, 4, H * W) as one row of four for each place, tap and group, (N * H * W * K * G, 4)."""
    batch, groups, taps, _, places = corners.shape
    if batch == groups == 1:  # a plain transposition, for which torch has a fast path
        return corners.reshape(taps * 4, places).t().reshape(-1, 4)
    return corners.permute(0, 4, 2, 1, 3).reshape(-1, 4)


def _corners(offset: Tensor, mask: Tensor | None, side: int) -> tuple[Tensor, Tensor]:
    """Returns the four rows of the padded images around each sample and their weights, both (N, G, K, 4, H * W)."""
    batch, _, height, width = offset.shape
    taps = side * side
    device = offset.device
    move = offset.reshape(batch, -1, taps, 2, height, width)
    tap = torch.arange(taps, device=device).reshape(-1, 1, 1)
    y, lower = _axis(move[:, :, :, 0], torch.arange(height, device=device).reshape(-1, 1) + tap // side, side, height)
    x, right = _axis(move[:, :, :, 1], torch.arange(width, device=device) + tap % side, side, width)
    first = y * (width + 2) + x
    if batch > 1:
        image = torch.arange(batch, device=device, dtype=first.dtype) * ((height + 2) * (width + 2))
        first = first + image.reshape(-1, 1, 1, 1, 1)
    index = torch.stack((first, first + 1, first + (width + 2), first + (width + 3)), 3)
    if mask is None:
        upper = 1 - lower
    else:
        amount = mask.reshape(lower.shape)
        lower = lower * amount
        upper = amount - lower
    upper_right, lower_right = upper * right, lower * right
    weights = torch.stack((upper - upper_right, upper_right, lower - lower_right, lower_right), 3)
    return index.flatten(4), weights.flatten(4)


def _axis(move: Tensor, tap: Tensor, side: int, size: int) -> tuple[Tensor, Tensor]:
    """Returns along one axis the padded index of the place before each sample and how far beyond it the sample is.

    A sample further outside than one place is moved to one place outside, where the border's zeros are.
    """
    at = (move + (tap - side // 2).to(move.dtype)).clamp(-1, size)
    before = at.detach().floor().clamp(max=size - 1)
    # Where the offset is not a number, any index will do: the weights are not numbers either.
    return (before + 1).to(torch.int32).clamp(0, size), at - before
