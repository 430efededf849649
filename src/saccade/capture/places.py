"""Channels that become places: what a detector's heads are joined by, and what a softmax over some channels needs."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence

from saccade.capture.builder import GraphBuilder, NotNative
from saccade.capture.layout import BATCH, CHANNEL, COLUMN, Atom, Dimension, Value, merge_atoms, whole_axis
from saccade.graph import PlaceConcatenate


def join_places(builder: GraphBuilder, values: Sequence[Value], dims: Collection[int]) -> Value:
    """Adds the values' places one after the other, in a single row.

    Args:
        builder: receives the operator.
        values: stored as (N, C, H, W), of one rank. Several values may differ in size along their only one of ``dims``.
        dims: the dimensions that become places; the others are the batch and channels.

    Raises:
        NotNative: when rows or columns lie in other dimensions or are cut up, or images are mixed with anything.
    """
    first, count = values[0], sum(math.prod(value.shape[dim] for dim in dims) for value in values)
    images = {tuple(atoms if _has_images(atoms) else None for atoms in value.dimensions) for value in values}
    if len(images) > 1:
        raise NotNative("its inputs are laid out differently")
    layouts = tuple(_in_a_row(value, dims).layout() for value in values)
    shape = (first.stored[BATCH], layouts[0].shape[CHANNEL], 1, count)
    tensor = builder.emit(PlaceConcatenate, [value.tensor for value in values], shape, layouts=layouts)
    left = {CHANNEL: shape[CHANNEL], COLUMN: shape[COLUMN]}
    dimensions: list[Dimension] = []
    for dim, (size, atoms) in enumerate(zip(first.shape, first.dimensions, strict=True)):
        if _has_images(atoms):
            dimensions.append(atoms)
            continue
        axis = COLUMN if dim in dims else CHANNEL
        size = count if len(values) > 1 and dim in dims else size
        left[axis] //= size
        dimensions.append((Atom(axis, left[axis], size),) if size > 1 else ())
    return Value(tensor, shape, tuple(dimensions))


def _has_images(atoms: Dimension) -> bool:
    return any(atom.axis == BATCH for atom in atoms)


def _in_a_row(value: Value, dims: Collection[int]) -> Value:
    """Returns a value seen as (N, C, 1, P), where P is made of ``dims``."""
    images: list[Atom] = []
    channels: list[Atom] = []
    places: list[Atom] = []
    for dim, atoms in enumerate(value.dimensions):
        kind = places if dim in dims else images if _has_images(atoms) else channels
        kind.extend(atoms)
    if merge_atoms(images) != whole_axis(value.stored, BATCH):
        raise NotNative("it moves data between the images of a batch")
    if any(atom.axis != CHANNEL for atom in channels):
        raise NotNative("it joins rows or columns, not whole maps")
    if any(atom.axis != CHANNEL and (atom,) != whole_axis(value.stored, atom.axis) for atom in places):
        raise NotNative("it moves blocks of places")
    return value.with_dimensions([tuple(images), tuple(channels), (), tuple(places)])
