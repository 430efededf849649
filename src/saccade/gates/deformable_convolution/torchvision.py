"""torchvision's operator: one node in an exported graph, ONNX's DeformConv from opset 19, native on every device."""

from __future__ import annotations

import torch
from torch import Tensor
from torchvision.ops import deform_conv2d


def by_torchvision(x: Tensor, offset: Tensor, mask: Tensor | None, weight: Tensor) -> Tensor:
    """Returns the deformable convolution, (N, C, H, W).

    Under autocast on the CPU it runs in float32, because the operator has no kernel for bfloat16 there.

    Args:
        x: (N, M, H, W).
        offset: (N, 2 * G * K, H, W) in places, (dy, dx) a tap, taps row by row, offset groups outermost.
        mask: (N, G * K, H, W), or None for all ones.
        weight: (C, M / groups, k, k) with k odd and K = k * k.
    """
    kind = x.dtype
    if x.device.type == "cpu" and kind in (torch.bfloat16, torch.float16):
        x, offset, weight = x.float(), offset.float(), weight.float()
        mask = mask.float() if mask is not None else None
    offset, weight = offset.to(x.dtype), weight.to(x.dtype)
    mask = mask.to(x.dtype) if mask is not None else None
    sampled: Tensor = deform_conv2d(x, offset, weight, padding=weight.shape[-1] // 2, mask=mask)
    return sampled.to(kind)
