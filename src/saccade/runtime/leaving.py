"""Outputs as they leave: what of them comes straight from the engine, and how it is read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch

from saccade.graph import Graph, Layout, Reference
from saccade.runtime import native


@dataclass(frozen=True)
class Exit:
    """How one output is read from the engine; settled when a program is made, since every frame needs it.

    Attributes:
        number: of the tensor in the engine.
        shape, strides: of the fresh tensor that it is read into.
        by_places: whether the channels of a place are read together, as torch's view has them.
        layout: how torch sees the fresh tensor; None where as it is.
    """

    number: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]
    by_places: bool
    layout: Layout | None

    def read(self, memory: native.Session) -> torch.Tensor:
        """Returns a copy of the output that a session's ``memory`` holds."""
        fresh = torch.empty_strided(self.shape, self.strides)
        (memory.read_places if self.by_places else memory.read)(self.number, fresh.data_ptr())
        return fresh if self.layout is None else self.layout.apply(fresh)


def exits(graph: Graph, numbers: Mapping[str, int]) -> tuple[Exit | None, ...]:
    """Returns how each leaf of a graph's outputs is read; None for what torch holds or computes.

    Args:
        graph: the network.
        numbers: of its tensors in the engine, by name.
    """
    return tuple(_exit(leaf, graph, numbers) if isinstance(leaf, Reference) else None for leaf in graph.outputs)


def _exit(leaf: Reference, graph: Graph, numbers: Mapping[str, int]) -> Exit | None:
    tensor = graph.tensors[leaf.tensor]
    if leaf.tensor not in numbers or tensor.dtype != torch.float32:
        return None
    layout = leaf.layout
    by_places = layout is not None and layout.ends_in_channels(tensor.shape)
    shape = tuple(tensor.shape if layout is None or layout.reorders else layout.shape)
    order = torch.channels_last if by_places else torch.contiguous_format
    strides = torch.empty(shape, device="meta", memory_format=order).stride()
    again = layout if layout is not None and layout.reorders else None
    return Exit(numbers[leaf.tensor], shape, strides, by_places, again)
