"""Deformable convolution."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torchvision  # noqa: F401 - registers the operator with torch

from saccade.capture.aten_convolution import require_constant
from saccade.capture.builder import GraphBuilder, NotNative, float_weight
from saccade.capture.layout import Value
from saccade.capture.lowering import lowers
from saccade.graph import DeformableConvolution


def deformable_convolution(
    builder: GraphBuilder, input: Any, weight: Any, offset: Any, mask: Any, bias: Any, window: Sequence[int]
) -> Value:
    """Adds a deformable convolution.

    Args:
        builder: receives the operator.
        input: features (N, C_in, H, W).
        weight: (C_out, C_in / groups, kernel height, kernel width), a constant.
        offset: (N, 2 * G * K, H_out, W_out).
        mask: (N, G * K, H_out, W_out) or None.
        bias: (C_out,) or None, a constant.
        window: strides, paddings and dilations of rows and columns, groups, offset groups.
    """
    require_constant(weight, bias)
    if not isinstance(input, Value):
        raise NotNative("it convolves a constant")
    read = (input, offset) if mask is None else (input, offset, mask)
    values = [builder.native(part if isinstance(part, Value) else builder.constant(part)) for part in read]
    shape = (input.shape[0], weight.shape[0], *values[1].shape[2:])
    stride_y, stride_x, pad_y, pad_x, dilation_y, dilation_x, groups, offset_groups = window
    tensor = builder.emit(
        DeformableConvolution,
        [value.tensor for value in values],
        shape,
        weight=float_weight(weight),
        bias=None if bias is None else float_weight(bias),
        stride=(stride_y, stride_x),
        padding=(pad_y, pad_x),
        dilation=(dilation_y, dilation_x),
        groups=groups,
        offset_groups=offset_groups,
    )
    return Value.of(tensor, shape)


@lowers("torchvision.deform_conv2d.default")
def deform_conv2d(
    builder: GraphBuilder, input: Value, weight: Any, offset: Any, mask: Any, bias: Any, *rest: Any
) -> Value:
    """torchvision's operator, whose last argument says whether the mask is read."""
    *window, use_mask = rest
    return deformable_convolution(builder, input, weight, offset, mask if use_mask else None, bias, window)
