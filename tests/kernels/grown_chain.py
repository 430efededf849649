"""Graphs of operators that follow one another."""

from __future__ import annotations

import torch

from saccade.graph import Activation, Graph, Operator, Reference, Tensor


class Chain:
    """A graph that grows by one operator at a time."""

    def __init__(self, *shape: int) -> None:
        self.tensors = {"input": Tensor("input", shape)}
        self.operators: list[Operator] = []
        self.name = "input"

    def add(self, kind: type[Operator], shape: tuple[int, ...], *others: str, **fields: object) -> None:
        output = f"tensor{len(self.operators)}"
        self.tensors[output] = Tensor(output, shape)
        self.operators.append(kind(output, (self.name, *others), (output,), **fields))
        self.name = output

    def activate(self, function: str | None) -> None:
        if function is not None:
            self.add(Activation, self.tensors[self.name].shape, function=function)

    def graph(self) -> Graph:
        tree = torch.utils._pytree.tree_structure(0)
        return Graph(("input",), (Reference(self.name),), tree, tuple(self.operators), self.tensors)
