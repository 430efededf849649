"""Deformable convolution."""

from __future__ import annotations

from typing import Any

import torchvision  # noqa: F401 - registers the operator with torch

from saccade.capture.aten_convolution import require_constant
from saccade.capture.builder import GraphBuilder, NotNative, float_weight
from saccade.capture.layout import Value
from saccade.capture.lowering import lowers
from saccade.graph import DeformableConvolution


@lowers("torchvision.deform_conv2d.default")
def deformable_convolution(
    builder: GraphBuilder,
    input: Value,
    weight: Any,
    offset: Any,
    mask: Any,
    bias: Any,
    stride_h: int,
    stride_w: int,
    pad_h: int,
    pad_w: int,
    dilation_h: int,
    dilation_w: int,
    groups: int,
    offset_groups: int,
    use_mask: bool = True,
) -> Value:
    """A deformable convolution; without ``use_mask`` the mask is not read."""
    require_constant(weight, bias)
    steering = [offset, mask] if use_mask and mask is not None else [offset]
    if not isinstance(input, Value):
        raise NotNative("it convolves a constant")
    values = [builder.native(part if isinstance(part, Value) else builder.constant(part)) for part in (input, *steering)]
    shape = (input.shape[0], weight.shape[0], *values[1].shape[2:])
    tensor = builder.emit(
        DeformableConvolution,
        [value.tensor for value in values],
        shape,
        weight=float_weight(weight),
        bias=None if bias is None else float_weight(bias),
        stride=(stride_h, stride_w),
        padding=(pad_h, pad_w),
        dilation=(dilation_h, dilation_w),
        groups=groups,
        offset_groups=offset_groups,
    )
    return Value.of(tensor, shape)
