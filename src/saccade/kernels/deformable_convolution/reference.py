"""A convolution whose taps look where the offsets say: samples of every tap, then one matrix product."""

from __future__ import annotations

import torch

from saccade.graph import DeformableConvolution


def reference(
    operator: DeformableConvolution,
    input: torch.Tensor,
    offset: torch.Tensor,
    mask: torch.Tensor | None = None,
    *,
    shape: tuple[int, ...],
) -> torch.Tensor:
    """Returns the deformable convolution of ``input`` (N, C_in, H, W): (N, C_out, H_out, W_out).

    Source: X. Zhu et al., Deformable ConvNets v2 (2019), Eq. 1.
    """
    batch, outputs, rows, columns = shape
    position = _positions(operator, offset, rows, columns)
    samples = _bilinear(input, position)
    if mask is not None:
        samples = samples * mask.reshape(batch, operator.offset_groups, 1, -1, rows * columns)
    grouped = samples.reshape(batch, operator.groups, -1, rows * columns)
    weight = operator.weight.reshape(operator.groups, outputs // operator.groups, -1)
    result = (weight @ grouped).reshape(shape)
    return result if operator.bias is None else result + operator.bias[:, None, None]


def _positions(operator: DeformableConvolution, offset: torch.Tensor, rows: int, columns: int) -> torch.Tensor:
    """Returns where every tap looks, (N, G, K, H_out * W_out, 2): row and column in places."""
    height, width = operator.weight.shape[2:]
    axes = [
        torch.arange(count)[None, :] * operator.stride[axis]
        - operator.padding[axis]
        + torch.arange(taps)[:, None] * operator.dilation[axis]
        for axis, (count, taps) in enumerate(((rows, height), (columns, width)))
    ]
    grid_y = axes[0][:, None, :, None].expand(height, width, rows, columns)
    grid_x = axes[1][None, :, None, :].expand(height, width, rows, columns)
    grid = torch.stack((grid_y, grid_x), -1).reshape(height * width, rows * columns, 2)
    moved = offset.reshape(len(offset), operator.offset_groups, height * width, 2, rows * columns)
    return grid + moved.transpose(-1, -2)


def _bilinear(input: torch.Tensor, position: torch.Tensor) -> torch.Tensor:
    """Returns ``input`` (N, C, H, W) at the positions (N, G, K, P, 2): (N, G, C / G, K, P)."""
    batch, channels, height, width = input.shape
    groups, taps, places = position.shape[1:4]
    size = position.new_tensor([height, width])
    inside = ((position > -1) & (position < size)).all(-1)
    position = torch.where(inside[..., None], position, torch.zeros_like(position))
    corner = position.floor()
    share = position - corner
    flat = input.reshape(batch, groups, channels // groups, height * width)
    total = flat.new_zeros(batch, groups, channels // groups, taps * places)
    for y, x in ((0, 0), (0, 1), (1, 0), (1, 1)):
        place = corner + position.new_tensor([y, x])
        exists = inside & ((place >= 0) & (place < size)).all(-1)
        weight = (share[..., 0] if y else 1 - share[..., 0]) * (share[..., 1] if x else 1 - share[..., 1])
        index = torch.where(exists, place[..., 0] * width + place[..., 1], torch.zeros_like(weight)).long()
        index = index.reshape(batch, groups, 1, -1).expand(-1, -1, channels // groups, -1)
        values = flat.gather(3, index) * weight.reshape(batch, groups, 1, -1)
        total = total + torch.where(exists.reshape(batch, groups, 1, -1), values, torch.zeros_like(values))
    return total.reshape(batch, groups, channels // groups, taps, places)
