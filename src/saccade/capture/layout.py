"""Symbolic layouts: which axes of a stored tensor each dimension that the model sees is made of.

Reshapes, permutations and squeezes move no data here: they only rearrange the atoms of a Value. An atom is a factor of
one stored axis; a dimension is a sequence of atoms, the outermost first; a dimension of size 1 is an empty one.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import torch

from saccade.graph import Layout, Reference

BATCH, CHANNEL, ROW, COLUMN = range(4)


@dataclass(frozen=True)
class Atom:
    """A factor of a stored tensor's axis.

    Attributes:
        axis: which axis of the stored tensor.
        stride: how far one step goes along the axis.
        size: number of steps, never 1.
    """

    axis: int
    stride: int
    size: int


Dimension = tuple[Atom, ...]


def merge_atoms(atoms: Iterable[Atom]) -> Dimension:
    """Joins neighbours that are consecutive factors of one axis."""
    merged: list[Atom] = []
    for atom in atoms:
        if merged and merged[-1].axis == atom.axis and merged[-1].stride == atom.stride * atom.size:
            merged[-1] = Atom(atom.axis, atom.stride, merged[-1].size * atom.size)
        else:
            merged.append(atom)
    return tuple(merged)


def dimension_size(dimension: Dimension) -> int:
    """Returns the number of places along a dimension."""
    return math.prod(atom.size for atom in dimension)


def whole_axis(shape: Sequence[int], axis: int) -> Dimension:
    """Returns the dimension that is all of one stored axis."""
    return (Atom(axis, 1, shape[axis]),) if shape[axis] != 1 else ()


def split_dimensions(atoms: Iterable[Atom], sizes: Sequence[int]) -> tuple[Dimension, ...] | None:
    """Cuts a sequence of atoms into dimensions of the given sizes, or returns None where the cuts do not fit."""
    queue = list(atoms)
    dimensions: list[Dimension] = []
    for size in sizes:
        taken: list[Atom] = []
        while size > 1:
            if not queue:
                return None
            atom = queue.pop(0)
            if size % atom.size == 0:
                taken.append(atom)
                size //= atom.size
            elif atom.size % size == 0:
                inner = atom.size // size
                taken.append(Atom(atom.axis, atom.stride * inner, size))
                queue.insert(0, Atom(atom.axis, atom.stride, inner))
                size = 1
            else:
                return None
        dimensions.append(merge_atoms(taken))
    return None if queue else tuple(dimensions)


@dataclass(frozen=True)
class Value:
    """What the model sees as one tensor: a stored tensor and how its axes make up the model's dimensions.

    Attributes:
        tensor: the graph tensor's name.
        stored: the graph tensor's shape.
        dimensions: the atoms of each dimension; together all atoms of the stored tensor, each once.
        dtype: what the model sees; an input of uint8 that the model casts to float32 keeps its tensor.
    """

    tensor: str
    stored: tuple[int, ...]
    dimensions: tuple[Dimension, ...]
    dtype: torch.dtype = torch.float32

    @classmethod
    def of(cls, tensor: str, shape: Sequence[int], dtype: torch.dtype = torch.float32) -> Value:
        """Returns the value that is a stored tensor in its own shape."""
        stored = tuple(shape)
        return cls(tensor, stored, tuple(whole_axis(stored, axis) for axis in range(len(stored))), dtype)

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape that the model sees."""
        return tuple(dimension_size(dimension) for dimension in self.dimensions)

    @property
    def rank(self) -> int:
        """The number of dimensions that the model sees."""
        return len(self.dimensions)

    @property
    def atoms(self) -> Dimension:
        """All atoms in the order in which the model sees them."""
        return tuple(atom for dimension in self.dimensions for atom in dimension)

    @property
    def is_stored_as_seen(self) -> bool:
        """Whether the model sees the stored tensor's own axes."""
        return self.dimensions == tuple(whole_axis(self.stored, axis) for axis in range(len(self.stored)))

    def with_dimensions(self, dimensions: Sequence[Dimension]) -> Value:
        """Returns the same tensor seen in other dimensions."""
        return replace(self, dimensions=tuple(merge_atoms(dimension) for dimension in dimensions))

    def permute(self, order: Sequence[int]) -> Value:
        """Returns the value with its dimensions in another order."""
        return self.with_dimensions([self.dimensions[index] for index in order])

    def reshape(self, shape: Sequence[int]) -> Value | None:
        """Returns the value in another shape, or None where that would move data."""
        dimensions = split_dimensions(merge_atoms(self.atoms), shape)
        return None if dimensions is None else replace(self, dimensions=dimensions)

    def is_axis(self, dimension: int, axis: int) -> bool:
        """Tells whether a dimension is all of one stored axis, in its own order."""
        return self.dimensions[dimension] == whole_axis(self.stored, axis)

    def covers_axis(self, dimension: int, axis: int) -> bool:
        """Tells whether a dimension is all of one stored axis, in any order."""
        atoms = self.dimensions[dimension]
        return all(atom.axis == axis for atom in atoms) and dimension_size(atoms) == self.stored[axis]

    def axes_of(self, dimension: int) -> set[int]:
        """Returns the stored axes that a dimension draws from."""
        return {atom.axis for atom in self.dimensions[dimension]}

    def layout(self) -> Layout:
        """Returns how torch makes what the model sees of the stored tensor."""
        order = sorted(range(len(self.atoms)), key=lambda index: (self.atoms[index].axis, -self.atoms[index].stride))
        permutation = [0] * len(order)
        for place, index in enumerate(order):
            permutation[index] = place
        sizes = tuple(self.atoms[index].size for index in order)
        return Layout(sizes, tuple(permutation), self.shape)

    def reference(self) -> Reference:
        """Returns the place that stands for this value in a fallback's arguments or in the outputs."""
        return Reference(self.tensor, None if self.is_stored_as_seen else self.layout())


def stored_order(dimension: Dimension) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Returns how to bring a dimension's places into the stored order.

    Returns:
        The sizes of the dimension's atoms as the model sees them, and the permutation of those that sorts them by
        stored axis and then from the outermost inwards.
    """
    sizes = tuple(atom.size for atom in dimension)
    order = sorted(range(len(dimension)), key=lambda index: (dimension[index].axis, -dimension[index].stride))
    return sizes, tuple(order)


def place_constant(constant: torch.Tensor, value: Value) -> torch.Tensor | None:
    """Brings a constant that broadcasts to a value into the axes of the value's stored tensor.

    Args:
        constant: a tensor that broadcasts to ``value.shape``.
        value: what it is combined with; stored as (N, C, H, W).

    Returns:
        A tensor with as many axes as the stored one, each of size 1 or the stored size; None where the constant does
        not broadcast to the value's shape.
    """
    shape = (1,) * (value.rank - constant.dim()) + tuple(constant.shape)
    if len(shape) != value.rank or any(size not in (1, whole) for size, whole in zip(shape, value.shape, strict=True)):
        return None
    atoms = value.atoms
    present = [size > 1 for size, dimension in zip(shape, value.dimensions, strict=True) for _ in dimension]
    # An axis of which the constant holds some atoms only is filled up, so that every axis is whole or of size 1.
    needed = {atom.axis for atom, kept in zip(atoms, present, strict=True) if kept}
    split = constant.reshape([atom.size if kept else 1 for atom, kept in zip(atoms, present, strict=True)])
    split = split.expand([atom.size if atom.axis in needed else 1 for atom in atoms])
    _, order = stored_order(atoms)
    placed = split.permute(order) if order else split
    return placed.reshape([size if axis in needed else 1 for axis, size in enumerate(value.stored)])
