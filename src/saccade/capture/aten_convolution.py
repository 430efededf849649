"""Convolutions and fully connected layers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from saccade.capture.aten_views import channel_dimension
from saccade.capture.builder import GraphBuilder, NotNative, float_weight
from saccade.capture.channel_groups import group_channels, regrouped
from saccade.capture.layout import BATCH, CHANNEL, Value, stored_order
from saccade.capture.lowering import lowers
from saccade.graph import Convolution, Linear, Padding, Pair, TransposedConvolution


def pair(sizes: int | Sequence[int]) -> Pair:
    """Returns rows and columns, given either one number or both."""
    if isinstance(sizes, int):
        return (sizes, sizes)
    return (sizes[0], sizes[-1])


def require_constant(weight: Any, bias: Any) -> None:
    """Raises NotNative unless the weights are float32 constants."""
    if not isinstance(weight, torch.Tensor) or not (bias is None or isinstance(bias, torch.Tensor)):
        raise NotNative("its weights depend on the input")
    if weight.dtype != torch.float32:
        raise NotNative(f"its weights are {str(weight.dtype).removeprefix('torch.')}")


def convolution(
    builder: GraphBuilder,
    input: Value,
    weight: Any,
    bias: Any,
    stride: Pair,
    padding: Padding,
    dilation: Pair,
    groups: int,
) -> Value:
    """Adds a convolution of a value of shape (N, C, H, W)."""
    require_constant(weight, bias)
    if _sees_places_one_by_one(input, weight, stride, padding, groups):
        return _convolve_groups(builder, input, weight, bias)
    value = builder.native(input)
    before, after = padding[:2], padding[2:]
    sides = [
        (value.shape[2 + axis] + before[axis] + after[axis] - dilation[axis] * (weight.shape[2 + axis] - 1) - 1)
        // stride[axis]
        + 1
        for axis in (0, 1)
    ]
    shape = (value.shape[0], weight.shape[0], *sides)
    tensor = builder.emit(
        Convolution,
        [value.tensor],
        shape,
        weight=float_weight(weight),
        bias=None if bias is None else float_weight(bias),
        stride=stride,
        padding=padding,
        dilation=dilation,
        groups=groups,
    )
    return Value.of(tensor, shape)


def _sees_places_one_by_one(value: Value, weight: torch.Tensor, stride: Pair, padding: Padding, groups: int) -> bool:
    """Returns whether it does not matter in which order places lie, and other channels may count as places."""
    pointwise = weight.shape[2:] == (1, 1) and groups == 1 and stride == (1, 1) and not any(padding)
    images = len(value.stored) == 4 and value.is_axis(0, BATCH) and not value.axes_of(1) - {CHANNEL}
    in_place = value.rank == 4 and all(value.is_axis(axis, axis) for axis in (2, 3))
    return pointwise and images and not in_place and value.dtype == torch.float32


def _convolve_groups(builder: GraphBuilder, input: Value, weight: torch.Tensor, bias: torch.Tensor | None) -> Value:
    """Adds a 1 x 1 convolution over some of the channels: the same for each group of them."""
    value = group_channels(builder, input, 1)
    outputs, groups = weight.shape[0], value.stored[CHANNEL] // value.shape[1]
    stored = Value.of(value.tensor, value.stored)
    weights, biases = weight.repeat(groups, 1, 1, 1), None if bias is None else bias.repeat(groups)
    result = convolution(builder, stored, weights, biases, (1, 1), (0, 0, 0, 0), (1, 1), groups)
    return regrouped(value, 1, result.tensor, outputs)


def _require_images(input: Any, weight: Any) -> None:
    if not isinstance(input, Value):
        raise NotNative("it convolves a constant")
    if input.rank != 4 or weight.dim() != 4:
        raise NotNative(f"it is a convolution over {weight.dim() - 2} axes of a value of {input.rank} dimensions")


@lowers("aten.conv2d.default")
def conv2d(
    builder: GraphBuilder,
    input: Value,
    weight: Any,
    bias: Any = None,
    stride: int | Sequence[int] = 1,
    padding: int | Sequence[int] = 0,
    dilation: int | Sequence[int] = 1,
    groups: int = 1,
) -> Value:
    """A convolution with symmetric padding."""
    require_constant(weight, bias)
    _require_images(input, weight)
    rows, columns = pair(padding)
    border = (rows, columns, rows, columns)
    return convolution(builder, input, weight, bias, pair(stride), border, pair(dilation), groups)


@lowers("aten.conv2d.padding")
def conv2d_with_named_padding(
    builder: GraphBuilder,
    input: Value,
    weight: Any,
    bias: Any = None,
    stride: int | Sequence[int] = 1,
    padding: str = "valid",
    dilation: int | Sequence[int] = 1,
    groups: int = 1,
) -> Value:
    """A convolution with "same" or "valid" padding; an odd border is wider at the bottom and right."""
    require_constant(weight, bias)
    _require_images(input, weight)
    border: Padding = (0, 0, 0, 0)
    if padding == "same":
        total = [step * (size - 1) for step, size in zip(pair(dilation), weight.shape[2:], strict=True)]
        border = (total[0] // 2, total[1] // 2, total[0] - total[0] // 2, total[1] - total[1] // 2)
    return convolution(builder, input, weight, bias, pair(stride), border, pair(dilation), groups)


@lowers("aten.conv1d.default")
def conv1d(builder: GraphBuilder, input: Value, weight: Any, bias: Any = None, *arguments: Any) -> Value:
    """A convolution along the channels of one pixel (efficient channel attention): a banded matrix."""
    require_constant(weight, bias)
    if not isinstance(input, Value) or input.rank != 3 or input.shape[1] != 1 or weight.shape[0] != 1:
        raise NotNative("it is a convolution over one axis")
    row = input.with_dimensions([input.dimensions[0], input.dimensions[2]])
    identity = torch.eye(input.shape[2])[:, None]
    matrix = torch.conv1d(identity, weight, None, *arguments)[:, 0].t()
    shift = None if bias is None else bias.expand(matrix.shape[0])
    result = linear(builder, row, matrix, shift)
    return result.with_dimensions([result.dimensions[0], (), result.dimensions[1]])


@lowers("aten.convolution.default")
def either_convolution(
    builder: GraphBuilder,
    input: Value,
    weight: Any,
    bias: Any,
    stride: Sequence[int],
    padding: Sequence[int],
    dilation: Sequence[int],
    transposed: bool,
    output_padding: Sequence[int],
    groups: int,
) -> Value:
    """A convolution or its adjoint."""
    if transposed:
        return conv_transpose2d(builder, input, weight, bias, stride, padding, output_padding, groups, dilation)
    return conv2d(builder, input, weight, bias, stride, padding, dilation, groups)


@lowers("aten.conv_transpose2d.input")
def conv_transpose2d(
    builder: GraphBuilder,
    input: Value,
    weight: Any,
    bias: Any = None,
    stride: int | Sequence[int] = 1,
    padding: int | Sequence[int] = 0,
    output_padding: int | Sequence[int] = 0,
    groups: int = 1,
    dilation: int | Sequence[int] = 1,
) -> Value:
    """The adjoint of a convolution."""
    require_constant(weight, bias)
    _require_images(input, weight)
    value = builder.native(input)
    steps, border, extra, spread = pair(stride), pair(padding), pair(output_padding), pair(dilation)
    sides = [
        (value.shape[2 + axis] - 1) * steps[axis]
        - 2 * border[axis]
        + spread[axis] * (weight.shape[2 + axis] - 1)
        + extra[axis]
        + 1
        for axis in (0, 1)
    ]
    shape = (value.shape[0], weight.shape[1] * groups, *sides)
    tensor = builder.emit(
        TransposedConvolution,
        [value.tensor],
        shape,
        weight=float_weight(weight),
        bias=None if bias is None else float_weight(bias),
        stride=steps,
        padding=border,
        dilation=spread,
        groups=groups,
    )
    return Value.of(tensor, shape)


@lowers("aten.linear.default")
def linear(builder: GraphBuilder, input: Value, weight: Any, bias: Any = None) -> Value:
    """A fully connected layer: over a flattened image, or over the channels of each place (a 1x1 convolution)."""
    require_constant(weight, bias)
    if not isinstance(input, Value) or weight.dim() != 2:
        raise NotNative("it is not a matrix times the input")
    value = builder.elementwise(input)
    last = value.rank - 1
    sizes, order = stored_order(value.dimensions[last])
    columns = weight.reshape(weight.shape[0], *sizes)
    columns = columns.permute(0, *(place + 1 for place in order)).reshape(weight.shape[0], -1)
    shift = None if bias is None else float_weight(bias)
    features = weight.shape[0]
    if value.rank == 2 and value.covers_axis(0, BATCH):
        shape = (value.stored[BATCH], features, 1, 1)
        tensor = builder.emit(Linear, [value.tensor], shape, weight=float_weight(columns), bias=shift)
        return Value(tensor, shape, (value.dimensions[0], channel_dimension(features)))
    if not value.covers_axis(last, CHANNEL):
        raise NotNative("it mixes places other than a whole image")
    shape = (value.stored[BATCH], features, *value.stored[2:])
    kernel = float_weight(columns)[:, :, None, None].contiguous()
    tensor = builder.emit(Convolution, [value.tensor], shape, weight=kernel, bias=shift)
    return Value(tensor, shape, (*value.dimensions[:last], channel_dimension(features)))


@lowers("aten.matmul.default", "aten.mm.default")
def matmul(builder: GraphBuilder, input: Any, other: Any) -> Value:
    """A product with a constant matrix on the right."""
    if not isinstance(input, Value) or not isinstance(other, torch.Tensor):
        raise NotNative("it multiplies two matrices that depend on the input")
    return linear(builder, input, other.t() if other.dim() == 2 else other)


@lowers("aten.addmm.default")
def addmm(builder: GraphBuilder, input: Any, mat1: Any, mat2: Any, beta: float = 1, alpha: float = 1) -> Value:
    """A product with a constant matrix plus a constant row."""
    if isinstance(mat1, torch.Tensor) or not isinstance(mat2, torch.Tensor) or not isinstance(input, torch.Tensor):
        raise NotNative("it multiplies two matrices that depend on the input")
    bias = (input * beta).expand(mat2.shape[1]) if input.dim() < 2 else None
    if bias is None:
        raise NotNative("it adds a different row to each product")
    return linear(builder, mat1, (mat2 * alpha).t(), bias)
