"""Concatenations, slices, splits, gathers and borders."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch

from saccade.capture.builder import GraphBuilder, NotNative
from saccade.capture.channel_groups import channel_numbers, renumbered
from saccade.capture.layout import BATCH, CHANNEL, COLUMN, ROW, Atom, Dimension, Value
from saccade.capture.lowering import lowers
from saccade.capture.places import join_places
from saccade.graph import ChannelGather, Concatenate, MaxPool, Pad


@lowers("aten.cat.default")
def cat(builder: GraphBuilder, tensors: Sequence[Value | torch.Tensor], dim: int = 0) -> Value:
    """Channels one after the other, in whichever dimension the model sees them, or places one after the other."""
    rank = max(len(tensor.shape) for tensor in tensors)
    dim %= rank
    kept = [tensor for tensor in tensors if math.prod(tensor.shape) > 0]
    values = [tensor if isinstance(tensor, Value) else _constant_image(builder, tensor, dim) for tensor in kept]
    values = [builder.elementwise(value) for value in values]
    if len(values) == 1:
        return values[0]
    alike = len({_besides_channels(value, dim) for value in values}) == 1
    if not alike or any(value.axes_of(dim) - {CHANNEL} for value in values):
        if rank != 4 or dim != CHANNEL or not any(value.is_axis(dim, CHANNEL) for value in values):
            return join_places(builder, values, [dim])
        values = [builder.native(value) for value in values]
    return _join_channels(builder, values, dim)


def _besides_channels(value: Value, dim: int) -> tuple[Any, ...]:
    """Returns what two values have in common whose channels can be joined: all but which channels lie where."""
    others = [*value.dimensions[:dim], *value.dimensions[dim + 1 :]]
    return tuple(
        tuple((atom.axis, atom.axis != CHANNEL and atom.stride, atom.size) for atom in other) for other in others
    )


def _join_channels(builder: GraphBuilder, values: Sequence[Value], dim: int) -> Value:
    """Adds the values' channels one after the other, in the order in which the model sees them."""
    first = values[0]
    if any(value.stored[2:] != first.stored[2:] or value.stored[0] != first.stored[0] for value in values):
        raise NotNative("its inputs are laid out differently")
    channels = sum(value.stored[CHANNEL] for value in values)
    shape = (first.stored[BATCH], channels, *first.stored[2:])
    tensor = builder.emit(Concatenate, [value.tensor for value in values], shape)
    numbers: list[torch.Tensor] = []
    for value in values:
        numbers.append(channel_numbers(value, dim) + sum(part.numel() for part in numbers))
    order = tuple(torch.cat(numbers, 1).flatten().tolist())
    if order != tuple(range(channels)):  # where other dimensions hold channels too, such as anchors
        tensor = builder.emit(ChannelGather, [tensor], shape, indices=order)
    return Value(tensor, shape, renumbered(first, dim, sum(value.shape[dim] for value in values), channels))


def _constant_image(builder: GraphBuilder, tensor: torch.Tensor, dim: int) -> Value:
    if tensor.dim() != 4 or tensor.dtype != torch.float32 or dim != CHANNEL:
        raise NotNative("it joins a constant that is no image")
    return builder.constant(tensor)


def take(builder: GraphBuilder, input: Value, dim: int, positions: Sequence[int]) -> Value:
    """Adds the choice of some positions along a dimension that the model sees.

    Raises:
        NotNative: when the dimension is neither made of channels nor all rows or all columns in regular steps.
    """
    if list(positions) == list(range(input.shape[dim])):
        return input
    if not positions:
        raise NotNative("its result is empty")
    value = builder.elementwise(input)
    if value.axes_of(dim) == {CHANNEL}:
        return _take_channels(builder, value, dim, positions)
    for axis in (ROW, COLUMN):
        if value.axes_of(dim) == {axis} and value.is_axis(dim, axis):
            return _take_places(builder, value, dim, axis, positions)
    raise NotNative("it chooses along an axis other than channels, rows and columns")


def _take_channels(builder: GraphBuilder, value: Value, dim: int, positions: Sequence[int]) -> Value:
    """Adds a gather of the channels of a dimension; all other dimensions may hold channels too."""
    chosen = channel_numbers(value, dim).index_select(1, torch.tensor(positions))
    shape = (value.stored[BATCH], chosen.numel(), *value.stored[2:])
    tensor = builder.emit(ChannelGather, [value.tensor], shape, indices=tuple(chosen.flatten().tolist()))
    return Value(tensor, shape, renumbered(value, dim, len(positions), chosen.numel()))


def _take_places(builder: GraphBuilder, value: Value, dim: int, axis: int, positions: Sequence[int]) -> Value:
    """Adds a cut of rows or columns, and a subsampling where they are taken in steps."""
    size = value.stored[axis]
    step = positions[1] - positions[0] if len(positions) > 1 else 1
    if step < 1 or list(positions) != list(range(positions[0], positions[-1] + 1, step)):
        raise NotNative("it chooses places in irregular steps")
    before, after = -positions[0], positions[-1] + 1 - size
    tensor, shape = value.tensor, list(value.stored)
    if before or after:
        shape[axis] = size + before + after
        padding = (before, 0, after, 0) if axis == ROW else (0, before, 0, after)
        tensor = builder.emit(Pad, [tensor], shape, padding=padding)
    if step > 1:
        shape[axis] = len(positions)
        stride = (step, 1) if axis == ROW else (1, step)
        tensor = builder.emit(MaxPool, [tensor], shape, kernel=(1, 1), stride=stride)
    new: Dimension = (Atom(axis, 1, len(positions)),) if len(positions) > 1 else ()
    return Value(tensor, tuple(shape), (*value.dimensions[:dim], new, *value.dimensions[dim + 1 :]))


@lowers("aten.slice.Tensor")
def slice_(
    builder: GraphBuilder, input: Value, dim: int = 0, start: int | None = None, end: int | None = None, step: int = 1
) -> Value:
    """Positions in steps."""
    dim %= input.rank
    return take(builder, input, dim, range(input.shape[dim])[start:end:step])


@lowers("aten.slice_scatter.default")
def slice_scatter(
    builder: GraphBuilder,
    input: Any,
    src: Any,
    dim: int = 0,
    start: int | None = None,
    end: int | None = None,
    step: int = 1,
) -> Value:
    """Positions in a row that are written over: what is before them, what is written, and what is behind."""
    if not isinstance(input, Value) or not isinstance(src, Value) or step != 1:
        raise NotNative("it writes over a constant, or in steps")
    dim %= input.rank
    written = range(input.shape[dim])[start:end]
    ends = [(0, written.start), (written.stop, input.shape[dim])]
    before, behind = ([slice_(builder, input, dim, *cut)] if cut[0] < cut[1] else [] for cut in ends)
    return cat(builder, [*before, src, *behind], dim)


@lowers("aten.narrow.default")
def narrow(builder: GraphBuilder, input: Value, dim: int, start: int, length: int) -> Value:
    """Consecutive positions."""
    return slice_(builder, input, dim, start, start + length)


@lowers("aten.select.int")
def select(builder: GraphBuilder, input: Value, dim: int, index: int) -> Value:
    """One position; its dimension goes away."""
    dim %= input.rank
    chosen = take(builder, input, dim, [index % input.shape[dim]])
    return chosen.with_dimensions([*chosen.dimensions[:dim], *chosen.dimensions[dim + 1 :]])


@lowers("aten.index_select.default")
def index_select(builder: GraphBuilder, input: Value, dim: int, index: Any) -> Value:
    """Positions that a constant lists."""
    if not isinstance(index, torch.Tensor):
        raise NotNative("its indices depend on the input")
    dim %= input.rank
    return take(builder, input, dim, [position % input.shape[dim] for position in index.flatten().tolist()])


@lowers("aten.index.Tensor")
def index(builder: GraphBuilder, input: Value, indices: Sequence[Any]) -> Value:
    """Positions along one dimension that a constant of rank 1 lists."""
    given = [(dim, chosen) for dim, chosen in enumerate(indices) if chosen is not None]
    if len(given) != 1 or not isinstance(given[0][1], torch.Tensor) or given[0][1].dim() != 1:
        raise NotNative("it indexes with more than one list of positions")
    dim, chosen = given[0]
    if chosen.dtype == torch.bool:
        chosen = chosen.nonzero().flatten()
    return index_select(builder, input, dim, chosen)


@lowers("aten.flip.default")
def flip(builder: GraphBuilder, input: Value, dims: Sequence[int]) -> Value:
    """Positions in reverse."""
    for dim in dims:
        input = take(builder, input, dim % input.rank, range(input.shape[dim])[::-1])
    return input


@lowers("aten.split_with_sizes.default", "aten.split_with_sizes_copy.default", "aten.split.sizes")
def split_with_sizes(builder: GraphBuilder, input: Value, split_sizes: Sequence[int], dim: int = 0) -> list[Value]:
    """Parts of given sizes."""
    parts: list[Value] = []
    start = 0
    for size in split_sizes:
        parts.append(slice_(builder, input, dim, start, start + size))
        start += size
    return parts


@lowers("aten.split.Tensor")
def split(builder: GraphBuilder, input: Value, split_size: int, dim: int = 0) -> list[Value]:
    """Parts of one size; the last may be smaller."""
    size = input.shape[dim]
    return split_with_sizes(
        builder, input, [min(split_size, size - start) for start in range(0, size, split_size)], dim
    )


@lowers("aten.chunk.default")
def chunk(builder: GraphBuilder, input: Value, chunks: int, dim: int = 0) -> list[Value]:
    """As many parts."""
    return split(builder, input, -(-input.shape[dim] // chunks), dim)


@lowers("aten.unbind.int")
def unbind(builder: GraphBuilder, input: Value, dim: int = 0) -> list[Value]:
    """Every position by itself."""
    return [select(builder, input, dim, position) for position in range(input.shape[dim])]


@lowers("aten.constant_pad_nd.default")
def constant_pad(builder: GraphBuilder, input: Value, pad: Sequence[int], value: float = 0) -> Value:
    """A constant border around rows, columns and channels."""
    if not any(pad):
        return input
    image = builder.native(input)
    widths = [*pad, *([0] * (8 - len(pad)))]
    if any(widths[6:]):
        raise NotNative("it pads the batch")
    left, right, top, bottom, before, after = widths[:6]
    count, channels, rows, columns = image.shape
    shape = (count, channels + before + after, rows + top + bottom, columns + left + right)
    padding = (top, left, bottom, right)
    tensor = builder.emit(
        Pad, [image.tensor], shape, padding=padding, channels=(before, after), value=float(value or 0)
    )
    return Value.of(tensor, shape)


@lowers("aten.pad.default")
def pad(builder: GraphBuilder, input: Value, pad: Sequence[int], mode: str = "constant", value: Any = None) -> Value:
    """A constant border."""
    if mode != "constant":
        raise NotNative(f"its border is not constant but {mode!r}")
    return constant_pad(builder, input, pad, value or 0)


@lowers("aten.channel_shuffle.default", "aten.native_channel_shuffle.default")
def channel_shuffle(builder: GraphBuilder, input: Value, groups: int) -> Value:
    """The channels of the groups in turn."""
    channels = input.shape[1]
    order = torch.arange(channels).reshape(groups, channels // groups).t().flatten().tolist()
    return take(builder, input, 1, order)
