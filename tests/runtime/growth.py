"""A graph that grows at random, operator by operator."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import Any

import torch

from saccade.graph import Graph, Operator, Reference, Tensor

Shape = tuple[int, ...]
MOST_ELEMENTS = 20_000


@dataclass
class Growth:
    """A graph that grows, operator by operator; every choice is the seeded ``random``'s."""

    random: random.Random
    generator: torch.Generator
    tensors: dict[str, Tensor] = field(default_factory=dict)
    operators: list[Operator] = field(default_factory=list)
    inputs: list[str] = field(default_factory=list)

    def integer(self, least: int, most: int) -> int:
        """Returns a random whole number in [least, most]."""
        return self.random.randint(least, max(least, most))

    def numbers(self, *shape: int) -> torch.Tensor:
        """Returns random weights whose sums stay near 1."""
        fan_in = max(1, torch.Size(shape[1:]).numel())
        return torch.randn(shape, generator=self.generator) / fan_in**0.5

    def input(self, shape: Shape) -> None:
        """Adds an input."""
        name = f"frame{len(self.inputs)}"
        self.tensors[name] = Tensor(name, shape)
        self.inputs.append(name)

    def source(self) -> str:
        """Returns a tensor to read, the newest ones more often."""
        names = [name for name, tensor in self.tensors.items() if tensor.dtype == torch.float32]
        return names[-1 - min(self.integer(0, 5), self.integer(0, len(names) - 1), len(names) - 1)]

    def shape(self, name: str) -> Shape:
        """Returns a tensor's shape."""
        return self.tensors[name].shape

    def add(self, kind: type[Operator], inputs: tuple[str, ...], shape: Shape, **fields: Any) -> str:
        """Adds an operator; returns its output's name."""
        number = len(self.operators)
        name = f"tensor{number}"
        self.tensors[name] = Tensor(name, tuple(shape))
        self.operators.append(kind(f"{kind.kind}{number}", inputs, (name,), **fields))
        return name

    def fits(self, shape: Shape) -> bool:
        """Whether a tensor of that shape keeps the graph small."""
        return min(shape) >= 1 and torch.Size(shape).numel() <= MOST_ELEMENTS

    def graph(self) -> Graph:
        """Returns the graph; all that nothing reads is an output, and a few tensors more."""
        read = {name for operator in self.operators for name in operator.inputs}
        leaves = [name for name in self.tensors if name not in read]
        leaves += [name for name in list(self.tensors)[-3:-1] if name not in leaves]
        tree = torch.utils._pytree.tree_structure([0] * len(leaves))
        references = tuple(Reference(name) for name in leaves)
        input_tree = torch.utils._pytree.tree_structure((tuple([0] * len(self.inputs)), {}))
        return Graph(tuple(self.inputs), references, tree, tuple(self.operators), dict(self.tensors), input_tree)
