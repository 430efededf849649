"""Operators that only change how a value is seen: they move no data and leave no trace in the graph."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch

from saccade.capture.builder import GraphBuilder, NotNative
from saccade.capture.layout import BATCH, CHANNEL, Atom, Dimension, Value, merge_atoms, whole_axis
from saccade.capture.lowering import lower, lowers
from saccade.graph import ChannelGather, Concatenate, Upsample


@lowers(
    "aten.alias.default",
    "aten.clone.default",
    "aten.contiguous.default",
    "aten.detach.default",
    "aten.detach_.default",
    "aten.lift_fresh_copy.default",
)
def alias(builder: GraphBuilder, input: Value, *_: Any, **__: Any) -> Value:
    """The same value."""
    return input


@lowers("aten.sym_size.int")
def size(builder: GraphBuilder, input: Value, dim: int) -> int:
    """The number of places along a dimension, known here where export left it open."""
    return input.shape[dim]


@lowers("aten.dropout.default", "aten.feature_dropout.default", "aten.alpha_dropout.default")
def dropout(builder: GraphBuilder, input: Value, p: float, train: bool) -> Value:
    """The same value, at inference."""
    if train:
        raise NotNative("dropout is active")
    return input


@lowers("aten._to_copy.default", "aten.to.dtype", "aten.to.dtype_layout", "aten.to.device")
def cast(builder: GraphBuilder, input: Value, *arguments: Any, **keywords: Any) -> Value:
    """The same value where the dtype does not change, or where an image of bytes becomes float32."""
    dtypes = [leaf for leaf in (*arguments, keywords.get("dtype")) if isinstance(leaf, torch.dtype)]
    dtype = dtypes[0] if dtypes else input.dtype
    if dtype == input.dtype or (dtype == torch.float32 and builder.is_uint8_input(input)):
        return replace(input, dtype=dtype)
    raise NotNative(f"it casts {input.dtype} to {dtype}".replace("torch.", ""))


@lowers("aten.view.default", "aten.reshape.default", "aten._unsafe_view.default")
def reshape(builder: GraphBuilder, input: Value, size: Sequence[int]) -> Value:
    """The same data in another shape."""
    sizes = list(size)
    if -1 in sizes:
        known = math.prod(side for side in sizes if side != -1)
        sizes[sizes.index(-1)] = math.prod(input.shape) // max(known, 1)
    seen = input.reshape(sizes)
    if seen is not None:
        return seen
    meta = torch.empty(sizes, dtype=input.dtype, device="meta")
    reason = "its shape cuts across the stored axes"
    result: Value = builder.fallback("aten.reshape.default", [input, sizes], {}, meta, reason)
    return result


@lowers("aten.flatten.using_ints")
def flatten(builder: GraphBuilder, input: Value, start_dim: int = 0, end_dim: int = -1) -> Value:
    """Dimensions joined into one."""
    start, end = start_dim % input.rank, end_dim % input.rank
    joined = merge_atoms(atom for dimension in input.dimensions[start : end + 1] for atom in dimension)
    return input.with_dimensions([*input.dimensions[:start], joined, *input.dimensions[end + 1 :]])


@lowers("aten.unflatten.int")
def unflatten(builder: GraphBuilder, input: Value, dim: int, sizes: Sequence[int]) -> Value:
    """One dimension cut into several."""
    dim %= input.rank
    return reshape(
        builder, input, [*input.shape[:dim], *_without_wildcard(sizes, input.shape[dim]), *input.shape[dim + 1 :]]
    )


def _without_wildcard(sizes: Sequence[int], total: int) -> list[int]:
    known = math.prod(size for size in sizes if size != -1)
    return [total // known if size == -1 else size for size in sizes]


@lowers("aten.permute.default")
def permute(builder: GraphBuilder, input: Value, dims: Sequence[int]) -> Value:
    """Dimensions in another order."""
    return input.permute([dim % input.rank for dim in dims])


@lowers("aten.transpose.int")
def transpose(builder: GraphBuilder, input: Value, dim0: int, dim1: int) -> Value:
    """Two dimensions exchanged."""
    order = list(range(input.rank))
    order[dim0], order[dim1] = order[dim1], order[dim0]
    return input.permute(order)


@lowers("aten.movedim.int")
def movedim(builder: GraphBuilder, input: Value, source: int, destination: int) -> Value:
    """One dimension moved to another place."""
    order = [index for index in range(input.rank) if index != source % input.rank]
    order.insert(destination % input.rank, source % input.rank)
    return input.permute(order)


@lowers("aten.t.default", "aten.numpy_T.default")
def t(builder: GraphBuilder, input: Value) -> Value:
    """Dimensions in reverse."""
    return input.permute(range(input.rank)[::-1])


@lowers("aten.squeeze.default", "aten.squeeze.dim", "aten.squeeze.dims")
def squeeze(builder: GraphBuilder, input: Value, dim: int | Sequence[int] | None = None) -> Value:
    """Dimensions of size 1 left out."""
    if dim is None:
        dim = range(input.rank)
    chosen = {index % input.rank for index in ([dim] if isinstance(dim, int) else dim)}
    return input.with_dimensions(
        [atoms for index, atoms in enumerate(input.dimensions) if index not in chosen or atoms]
    )


@lowers("aten.unsqueeze.default")
def unsqueeze(builder: GraphBuilder, input: Value, dim: int) -> Value:
    """A new dimension of size 1."""
    dim %= input.rank + 1
    return input.with_dimensions([*input.dimensions[:dim], (), *input.dimensions[dim:]])


@lowers("aten.expand.default", "aten.expand_as.default")
def expand(builder: GraphBuilder, input: Value, size: Sequence[int] | Value, implicit: bool = False) -> Value:
    """A broadcast: one pixel spread over rows and columns is an upsampling, one channel repeated a gather."""
    wanted = list(size.shape if isinstance(size, Value) else size)
    seen = input.with_dimensions([()] * (len(wanted) - input.rank) + list(input.dimensions))
    wanted = [have if want == -1 else want for want, have in zip(wanted, seen.shape, strict=True)]
    if wanted == list(seen.shape):
        return seen
    if seen.rank == 4 and wanted[:2] == list(seen.shape[:2]) and seen.shape[2:] == (1, 1):
        pixel = builder.native(seen)
        return Value.of(builder.emit(Upsample, [pixel.tensor], wanted, mode="nearest"), wanted)
    if seen.rank == 4 and seen.shape[1] == 1 and [wanted[0], *wanted[2:]] == [seen.shape[0], *seen.shape[2:]]:
        single = builder.native(seen)
        return Value.of(builder.emit(ChannelGather, [single.tensor], wanted, indices=(0,) * wanted[1]), wanted)
    raise NotNative("it repeats data")


@lowers("aten.stack.default")
def stack(builder: GraphBuilder, tensors: Sequence[Value | torch.Tensor], dim: int = 0) -> Value:
    """Values along a new dimension, which becomes the outer part of the stored channels."""
    values = [value for value in tensors if isinstance(value, Value)]
    if len(values) < len(tensors) or len({value.dimensions for value in values}) > 1:
        raise NotNative("its inputs are laid out differently")
    values = [builder.elementwise(value) for value in values]
    first = values[0]
    channels = first.stored[CHANNEL]
    shape = (first.stored[BATCH], channels * len(values), *first.stored[2:])
    tensor = builder.emit(Concatenate, [value.tensor for value in values], shape)
    dim %= first.rank + 1
    stacked: Dimension = (Atom(CHANNEL, channels, len(values)),) if len(values) > 1 else ()
    return Value(tensor, shape, (*first.dimensions[:dim], stacked, *first.dimensions[dim:]))


@lowers("aten.view_as.default", "aten.reshape_as.default")
def reshape_as(builder: GraphBuilder, input: Value, other: Value | torch.Tensor) -> Value:
    """The same data in another value's shape."""
    return reshape(builder, input, other.shape)


@lowers("aten.pixel_shuffle.default")
def pixel_shuffle(builder: GraphBuilder, input: Value, upscale_factor: int) -> Value:
    """Channels spread over places: a transposed convolution whose weights are 0 and 1."""
    value = builder.native(input)
    area = upscale_factor**2
    weight = torch.eye(area).reshape(area, 1, upscale_factor, upscale_factor).repeat(value.shape[1] // area, 1, 1, 1)
    groups = value.shape[1] // area
    result: Value = lower(
        builder, "aten.conv_transpose2d.input", [value, weight, None, [upscale_factor] * 2, [0, 0], [0, 0], groups]
    )
    return result


@lowers("aten.pixel_unshuffle.default")
def pixel_unshuffle(builder: GraphBuilder, input: Value, downscale_factor: int) -> Value:
    """Places gathered into channels: a convolution whose weights are 0 and 1."""
    value = builder.native(input)
    area = downscale_factor**2
    weight = torch.eye(area).reshape(area, 1, downscale_factor, downscale_factor).repeat(value.shape[1], 1, 1, 1)
    arguments = [value, weight, None, [downscale_factor] * 2, [0, 0], [1, 1], value.shape[1]]
    result: Value = lower(builder, "aten.conv2d.default", arguments)
    return result


def channel_dimension(channels: int) -> Dimension:
    """Returns the dimension that is all of a stored channel axis."""
    return whole_axis((1, channels), CHANNEL)
