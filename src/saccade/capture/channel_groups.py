"""Channels that the model sees in several dimensions: one of these as groups, each a map of its own."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import replace

import torch

from saccade.capture.builder import GraphBuilder
from saccade.capture.layout import BATCH, CHANNEL, Atom, Dimension, Value, merge_atoms
from saccade.graph import ChannelGather, Concatenate, Softmax


def channel_numbers(value: Value, dim: int) -> torch.Tensor:
    """Returns the stored channels as the model sees them, (before, size, behind), where ``dim`` is all channels.

    ``before`` and ``behind`` count the channels that the other dimensions hold.
    """
    atoms = [(index, atom) for index, atoms in enumerate(value.dimensions) for atom in atoms if atom.axis == CHANNEL]
    numbers = torch.zeros([atom.size for _, atom in atoms], dtype=torch.int64)
    for place, (_, atom) in enumerate(atoms):
        steps = torch.arange(atom.size) * atom.stride
        numbers = numbers + steps.reshape([-1 if axis == place else 1 for axis in range(len(atoms))])
    before = math.prod(atom.size for index, atom in atoms if index < dim)
    return numbers.reshape(before, value.shape[dim], -1)


def renumbered(
    value: Value, dim: int, size: int, channels: int, order: Iterable[int] | None = None
) -> tuple[Dimension, ...]:
    """Returns a value's dimensions when ``dim`` has another size and all channels are stored in a new order.

    Args:
        value: stored as (N, C, H, W).
        dim: all channels.
        size: of ``dim``.
        channels: of all dimensions together.
        order: of the dimensions whose channels are stored outermost first; by default as they are seen.
    """
    dimensions = list(value.dimensions)
    for index in range(value.rank) if order is None else order:
        if index == dim:
            channels //= size
            dimensions[index] = (Atom(CHANNEL, channels, size),) if size > 1 else ()
            continue
        new: list[Atom] = []
        for atom in value.dimensions[index]:
            if atom.axis == CHANNEL:
                channels //= atom.size
                atom = Atom(CHANNEL, channels, atom.size)
            new.append(atom)
        dimensions[index] = merge_atoms(new)
    return tuple(dimensions)


def group_channels(builder: GraphBuilder, value: Value, dim: int) -> Value:
    """Returns a value whose channels are stored in groups: those of a dimension side by side in each.

    Args:
        builder: receives a gather where they are stored otherwise.
        value: stored as (N, C, H, W).
        dim: all of whose atoms are channels; the other dimensions' channels tell the groups apart, in seen order.
    """
    numbers = channel_numbers(value, dim)
    order = numbers.permute(0, 2, 1).flatten().tolist()
    tensor = value.tensor
    if order != list(range(len(order))):
        tensor = builder.emit(ChannelGather, [tensor], value.stored, indices=tuple(order))
    return replace(value, tensor=tensor, dimensions=_grouped(value, dim, value.shape[dim]))


def regrouped(value: Value, dim: int, tensor: str, size: int) -> Value:
    """Returns what an operator made of a value's every group by itself.

    Args:
        value: as ``group_channels`` returns it for ``dim``.
        dim: of the groups' channels.
        tensor: the result's, with ``size`` channels for each group.
        size: at least 1.
    """
    channels = value.stored[CHANNEL] // value.shape[dim] * size
    stored = (value.stored[BATCH], channels, *value.stored[2:])
    return replace(value, tensor=tensor, stored=stored, dimensions=_grouped(value, dim, size), dtype=torch.float32)


def softmax_by_groups(builder: GraphBuilder, value: Value, dim: int, logarithm: bool) -> Value:
    """Adds a softmax for each group of channels, and joins them."""
    value = group_channels(builder, value, dim)
    size = value.shape[dim]
    shape = (value.stored[BATCH], size, *value.stored[2:])
    groups = []
    for first in range(0, value.stored[CHANNEL], size):
        group = builder.emit(ChannelGather, [value.tensor], shape, indices=tuple(range(first, first + size)))
        groups.append(builder.emit(Softmax, [group], shape, logarithm=logarithm))
    return regrouped(value, dim, builder.emit(Concatenate, groups, value.stored), size)


def _grouped(value: Value, dim: int, size: int) -> tuple[Dimension, ...]:
    """Returns a value's dimensions when ``dim`` has ``size`` channels of each group, side by side."""
    channels = value.stored[CHANNEL] // value.shape[dim] * size
    others = (index for index in range(value.rank) if index != dim)
    return renumbered(value, dim, size, channels, [*others, dim])
