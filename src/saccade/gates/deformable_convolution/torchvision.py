"""torchvision's operator: one node in an exported graph, ONNX's DeformConv from opset 19, native on every device."""

from __future__ import annotations

import torch
from torch import Tensor
from torchvision.ops import deform_conv2d


def by_torchvision(x: Tensor, offset: Tensor, mask: Tensor | None, weight: Tensor) -> Tensor:
    """Returns the deformable convolution, (N, C, H, W).

    It runs in float32 where the operator has no kernel for the type: bfloat16, and float16 on the CPU.

    Args:
        x: (N, M, H, W).
        offset: (N, 2 * G * K, H, W) in places, (dy, dx) a tap, taps row by row, offset groups outermost.
        mask: (N, G * K, H, W), or None for all ones.
        weight: (C, M / groups, k, k) with k odd and K = k * k.
    """
    lacking = x.dtype == torch.bfloat16 or (x.dtype == torch.float16 and x.device.type == "cpu")
    kind = torch.float32 if lacking else x.dtype
    result: Tensor = deform_conv2d(
        _in(kind, x),
        _in(kind, offset),
        _in(kind, weight),
        padding=weight.shape[-1] // 2,
        mask=None if mask is None else _in(kind, mask),
    )
    return _in(x.dtype, result)


def _in(kind: torch.dtype, x: Tensor) -> Tensor:
    """Returns ``x`` in that type; where it already is, no conversion enters an exported graph."""
    return x if x.dtype == kind else x.to(kind)
