"""Pools, means, maxima over all places, and interpolation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from saccade.capture.aten_convolution import pair
from saccade.capture.aten_elementwise import activate, binary, scale_and_shift
from saccade.capture.builder import GraphBuilder, NotNative
from saccade.capture.layout import CHANNEL, COLUMN, ROW, Value
from saccade.capture.lowering import lowers
from saccade.graph import AdaptiveAveragePool, AveragePool, ChannelMaximum, Convolution, MaxPool, Padding, Upsample

Sizes = int | Sequence[int]


def pooled_side(size: int, before: int, after: int, kernel: int, stride: int, dilation: int, ceil_mode: bool) -> int:
    """Returns the number of windows along one axis; with ceil_mode none starts in the far padding."""
    span = size + before + after - dilation * (kernel - 1) - 1
    count = (span + stride - 1 if ceil_mode else span) // stride + 1
    return count - 1 if ceil_mode and (count - 1) * stride >= size + before else count


def max_pool(
    builder: GraphBuilder,
    input: Value,
    kernel: Sequence[int],
    stride: Sequence[int],
    padding: Padding,
    dilation: Sequence[int],
    ceil_mode: bool,
) -> Value:
    """Adds a max-pool of a value of shape (N, C, H, W)."""
    value = builder.native(input)
    sides = [
        pooled_side(
            value.shape[2 + axis],
            padding[axis],
            padding[2 + axis],
            kernel[axis],
            stride[axis],
            dilation[axis],
            ceil_mode,
        )
        for axis in (0, 1)
    ]
    shape = (*value.shape[:2], *sides)
    tensor = builder.emit(
        MaxPool,
        [value.tensor],
        shape,
        kernel=tuple(kernel),
        stride=tuple(stride),
        padding=padding,
        dilation=tuple(dilation),
    )
    return Value.of(tensor, shape)


def average_pool(
    builder: GraphBuilder,
    input: Value,
    kernel: Sequence[int],
    stride: Sequence[int],
    padding: Padding,
    ceil_mode: bool,
    count_include_pad: bool,
    divisor: int | None = None,
) -> Value:
    """Adds an average pool of a value of shape (N, C, H, W)."""
    value = builder.native(input)
    sides = [
        pooled_side(value.shape[2 + axis], padding[axis], padding[2 + axis], kernel[axis], stride[axis], 1, ceil_mode)
        for axis in (0, 1)
    ]
    shape = (*value.shape[:2], *sides)
    tensor = builder.emit(
        AveragePool,
        [value.tensor],
        shape,
        kernel=tuple(kernel),
        stride=tuple(stride),
        padding=padding,
        count_include_pad=count_include_pad,
        divisor=divisor,
    )
    return Value.of(tensor, shape)


def _border(padding: Sizes) -> Padding:
    rows, columns = pair(padding)
    return (rows, columns, rows, columns)


@lowers("aten.max_pool2d.default")
def max_pool2d(
    builder: GraphBuilder,
    input: Value,
    kernel_size: Sizes,
    stride: Sizes = (),
    padding: Sizes = 0,
    dilation: Sizes = 1,
    ceil_mode: bool = False,
) -> Value:
    """The largest value of each window."""
    kernel = pair(kernel_size)
    steps = pair(stride) if stride else kernel
    return max_pool(builder, input, kernel, steps, _border(padding), pair(dilation), ceil_mode)


@lowers("aten.max_pool2d_with_indices.default")
def max_pool2d_with_indices(builder: GraphBuilder, *arguments: Any, **keywords: Any) -> tuple[Value, None]:
    """The largest value of each window, for a caller that does not read the indices."""
    return max_pool2d(builder, *arguments, **keywords), None


@lowers("aten.avg_pool2d.default")
def avg_pool2d(
    builder: GraphBuilder,
    input: Value,
    kernel_size: Sizes,
    stride: Sizes = (),
    padding: Sizes = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Value:
    """The mean of each window."""
    kernel = pair(kernel_size)
    steps = pair(stride) if stride else kernel
    return average_pool(builder, input, kernel, steps, _border(padding), ceil_mode, count_include_pad, divisor_override)


@lowers("aten.adaptive_avg_pool2d.default", "aten._adaptive_avg_pool2d.default")
def adaptive_avg_pool2d(builder: GraphBuilder, input: Value, output_size: Sequence[int | None]) -> Value:
    """The mean of each of a grid of windows."""
    value = builder.native(input)
    shape = (*value.shape[:2], *(given or size for given, size in zip(output_size, value.shape[2:], strict=True)))
    if shape == value.shape:
        return value
    return Value.of(builder.emit(AdaptiveAveragePool, [value.tensor], shape), shape)


@lowers("aten.adaptive_max_pool2d.default")
def adaptive_max_pool2d(builder: GraphBuilder, input: Value, output_size: Sequence[int]) -> tuple[Value, None]:
    """The largest value of each of a grid of equal windows, for a caller that does not read the indices."""
    value = builder.native(input)
    if any(size % count for size, count in zip(value.shape[2:], output_size, strict=True)):
        raise NotNative("its windows differ in size")
    kernel = [size // count for size, count in zip(value.shape[2:], output_size, strict=True)]
    return max_pool(builder, value, kernel, kernel, (0, 0, 0, 0), (1, 1), False), None


def _reduced(input: Value, dim: Sequence[int] | int | None, keepdim: bool, result: Value) -> Value:
    """Returns a result over the input's channels in the input's dimensions, the reduced ones of size 1 or left out."""
    chosen = _chosen(input, dim)
    kept = [
        () if index in chosen else atoms
        for index, atoms in enumerate(input.dimensions)
        if keepdim or index not in chosen
    ]
    return result.with_dimensions(kept)


def _chosen(input: Value, dim: Sequence[int] | int | None) -> set[int]:
    if dim is None or dim == []:
        return set(range(input.rank))
    return {index % input.rank for index in ([dim] if isinstance(dim, int) else dim)}


def _reduces(input: Value, dim: Sequence[int] | int | None, axes: set[int]) -> bool:
    """Tells whether the dimensions are exactly the given stored axes (axes of size 1 aside)."""
    atoms = [atom for index in _chosen(input, dim) for atom in input.dimensions[index]]
    others = [atom for atom in input.atoms if atom not in atoms]
    return all(atom.axis in axes for atom in atoms) and all(atom.axis not in axes for atom in others)


@lowers("aten.mean.dim")
def mean(
    builder: GraphBuilder, input: Value, dim: Sequence[int] | None, keepdim: bool = False, *, dtype: Any = None
) -> Value:
    """The mean over all places (a global pool) or over all channels (a 1x1 convolution)."""
    if dtype not in (None, torch.float32):
        raise NotNative(f"it computes in {dtype}")
    value = builder.elementwise(input)
    if _reduces(value, dim, {ROW, COLUMN}):
        shape = (*value.stored[:2], 1, 1)
        tensor = builder.emit(AdaptiveAveragePool, [value.tensor], shape) if shape != value.stored else value.tensor
        return _reduced(value, dim, keepdim, Value.of(tensor, shape))
    if _reduces(value, dim, {CHANNEL}):
        channels = value.stored[CHANNEL]
        shape = (value.stored[0], 1, *value.stored[2:])
        weight = torch.full((1, channels, 1, 1), 1 / channels)
        tensor = builder.emit(Convolution, [value.tensor], shape, weight=weight, bias=None)
        return _reduced(value, dim, keepdim, Value.of(tensor, shape))
    raise NotNative("its mean is over neither all places nor all channels")


@lowers("aten.mean.default")
def mean_of_all(builder: GraphBuilder, input: Value, *, dtype: Any = None) -> Value:
    """The mean over everything."""
    return mean(builder, input, None, dtype=dtype)


@lowers("aten.sum.dim_IntList")
def sum_(
    builder: GraphBuilder, input: Value, dim: Sequence[int] | None, keepdim: bool = False, *, dtype: Any = None
) -> Value:
    """The sum over all places or all channels: the mean times their number."""
    value = builder.elementwise(input)
    count = 1
    for index in _chosen(value, dim):
        count *= value.shape[index]
    return scale_and_shift(builder, mean(builder, value, dim, keepdim, dtype=dtype), count, 0.0)


@lowers("aten.amax.default")
def amax(builder: GraphBuilder, input: Value, dim: Sequence[int] = (), keepdim: bool = False) -> Value:
    """The largest value over all places or over all channels."""
    value = builder.elementwise(input)
    if _reduces(value, list(dim), {CHANNEL}):
        shape = (value.stored[0], 1, *value.stored[2:])
        tensor = builder.emit(ChannelMaximum, [value.tensor], shape)
        return _reduced(value, list(dim), keepdim, Value.of(tensor, shape))
    if not _reduces(value, list(dim), {ROW, COLUMN}):
        raise NotNative("its maximum is over neither all places nor all channels")
    image = Value.of(value.tensor, value.stored)
    kernel = value.stored[2:]
    return _reduced(value, list(dim), keepdim, max_pool(builder, image, kernel, kernel, (0, 0, 0, 0), (1, 1), False))


@lowers("aten.linalg_vector_norm.default")
def vector_norm(
    builder: GraphBuilder,
    input: Value,
    ord: float = 2,
    dim: Sequence[int] | None = None,
    keepdim: bool = False,
    *,
    dtype: Any = None,
) -> Value:
    """The Euclidean norm over all places or all channels: the root of the squares' sum."""
    if ord != 2:
        raise NotNative(f"it is a norm of order {ord}")
    squares = binary(builder, "multiply", input, input)
    return activate(builder, sum_(builder, squares, dim, keepdim, dtype=dtype), "sqrt")


def upsample(
    builder: GraphBuilder,
    input: Value,
    sides: Sequence[int],
    mode: str,
    align_corners: bool,
    scale: tuple[float, float] | None,
) -> Value:
    """Adds an interpolation to ``sides`` rows and columns."""
    value = builder.native(input)
    shape = (*value.shape[:2], *sides)
    if shape == value.shape and scale in (None, (1.0, 1.0)):
        return value
    tensor = builder.emit(Upsample, [value.tensor], shape, mode=mode, align_corners=align_corners, scale=scale)
    return Value.of(tensor, shape)


def _sides(input: Value, output_size: Sequence[int] | None, factors: Sequence[float] | None) -> list[int]:
    if output_size is not None:
        return list(output_size)
    return [int(size * factor) for size, factor in zip(input.shape[2:], factors or (), strict=True)]


def _scale(rows: float | None, columns: float | None) -> tuple[float, float] | None:
    return None if rows is None or columns is None else (float(rows), float(columns))


@lowers("aten.upsample_nearest2d.vec")
def upsample_nearest2d_by_factors(
    builder: GraphBuilder, input: Value, output_size: Sequence[int] | None, scale_factors: Sequence[float] | None
) -> Value:
    """Nearest interpolation to a size or by factors."""
    scale = _scale(*scale_factors) if scale_factors else None
    return upsample(builder, input, _sides(input, output_size, scale_factors), "nearest", False, scale)


@lowers("aten.upsample_bilinear2d.vec")
def upsample_bilinear2d_by_factors(
    builder: GraphBuilder,
    input: Value,
    output_size: Sequence[int] | None,
    align_corners: bool,
    scale_factors: Sequence[float] | None,
) -> Value:
    """Bilinear interpolation to a size or by factors."""
    scale = _scale(*scale_factors) if scale_factors else None
    return upsample(builder, input, _sides(input, output_size, scale_factors), "bilinear", align_corners, scale)


@lowers("aten.upsample_nearest2d.default")
def upsample_nearest2d(
    builder: GraphBuilder,
    input: Value,
    output_size: Sequence[int],
    scales_h: float | None = None,
    scales_w: float | None = None,
) -> Value:
    """Nearest interpolation to a size."""
    return upsample(builder, input, output_size, "nearest", False, _scale(scales_h, scales_w))


@lowers("aten.upsample_bilinear2d.default")
def upsample_bilinear2d(
    builder: GraphBuilder,
    input: Value,
    output_size: Sequence[int],
    align_corners: bool,
    scales_h: float | None = None,
    scales_w: float | None = None,
) -> Value:
    """Bilinear interpolation to a size."""
    return upsample(builder, input, output_size, "bilinear", align_corners, _scale(scales_h, scales_w))
