"""A captured network: tensors, operators in the order they run, inputs and outputs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch

from saccade.errors import CaptureError
from saccade.graph.layout import Reference
from saccade.graph.operators import Fallback, Operator


@dataclass(frozen=True)
class Tensor:
    """What is known of a value before it is computed.

    Attributes:
        name: unique in its graph.
        shape: (N, C, H, W) for whatever a native operator touches; any shape between fallbacks.
        dtype: torch's dtype; native operators read and write float32, and read an input of uint8 as float32.
    """

    name: str
    shape: tuple[int, ...]
    dtype: torch.dtype = torch.float32


@dataclass(frozen=True, eq=False)
class Graph:
    """A captured network.

    Attributes:
        inputs: names of the input tensors, in the order in which the model's tensor arguments flatten.
        outputs: the outputs' leaves in order, each a Reference or a constant (None, a number, a tensor).
        output_tree: torch's pytree specification of the model's return value.
        operators: in an order in which every input is ready before it is read.
        tensors: every tensor by name.
        input_tree: torch's pytree specification of (args, kwargs), or None for a single tensor.
    """

    inputs: tuple[str, ...]
    outputs: tuple[Any, ...]
    output_tree: Any
    operators: tuple[Operator, ...]
    tensors: dict[str, Tensor]
    input_tree: Any = None

    def __post_init__(self) -> None:
        ready = set(self.inputs)
        for operator in self.operators:
            for name in operator.inputs:
                if name not in ready:
                    raise CaptureError(f"operator {operator.name!r} reads {name!r} before it is written")
            ready.update(operator.outputs)
        for name in self.output_names():
            if name not in ready:
                raise CaptureError(f"the output {name!r} is never written")
        missing = sorted(ready - set(self.tensors))
        if missing:
            raise CaptureError(f"tensors without a description: {', '.join(missing)}")

    def output_names(self) -> Iterator[str]:
        """Yields the names of the tensors that the outputs refer to."""
        for leaf in self.outputs:
            if isinstance(leaf, Reference):
                yield leaf.tensor

    def fallbacks(self) -> list[Fallback]:
        """Returns the operators that run in torch."""
        return [operator for operator in self.operators if isinstance(operator, Fallback)]
