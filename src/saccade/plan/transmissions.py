"""Where a tolerant stream compares again: before every operator that it pays to tell less."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace

from saccade.graph import (
    Binary,
    Convolution,
    DeformableConvolution,
    Graph,
    Linear,
    Operator,
    Standardization,
    Tensor,
    Transmission,
    TransposedConvolution,
)


def insert_transmissions(graph: Graph, sending: str, least_cost: float = 0.0) -> Graph:
    """Returns the graph with a Transmission before its convolutions, linear layers, moments and broadcast operands.

    Args:
        graph: a captured network.
        sending: see ``Transmission``.
        least_cost: only tensors of which an element makes at least so many multiply-adds.
    """
    costs = element_costs(graph)
    tensors = dict(graph.tensors)
    told: dict[str, str] = {}
    operators: list[Operator] = []
    for operator in graph.operators:
        renamed = dict(zip(operator.inputs, operator.inputs, strict=True))
        for name in dict.fromkeys(_told_inputs(operator, graph)):
            if costs.get(name, -1.0) < least_cost:
                continue
            if name not in told:
                told[name] = f"{name}.told"
                tensors[told[name]] = Tensor(told[name], graph.tensors[name].shape)
                operators.append(Transmission(told[name], (name,), (told[name],), sending))
            renamed[name] = told[name]
        inputs = tuple(renamed[name] for name in operator.inputs)
        operators.append(operator if inputs == operator.inputs else replace(operator, inputs=inputs))
    return replace(graph, operators=tuple(operators), tensors=tensors)


def element_costs(graph: Graph) -> dict[str, float]:
    """Returns for each tensor that may be transmitted the multiply-adds that follow from one of its elements."""
    costs: dict[str, float] = defaultdict(float)
    for operator in graph.operators:
        for name in dict.fromkeys(_told_inputs(operator, graph)):
            costs[name] += _cost(operator, name, graph)
    return dict(costs)


def _told_inputs(operator: Operator, graph: Graph) -> Iterator[str]:
    """Yields the inputs that an operator may be told by a Transmission."""
    if isinstance(operator, Convolution | DeformableConvolution | TransposedConvolution | Linear):
        yield operator.inputs[0]
    elif isinstance(operator, Standardization):
        yield operator.inputs[1]
    elif isinstance(operator, Binary):
        shapes = [graph.tensors[name].shape[2:] for name in operator.inputs]
        yield from (name for name, own in zip(operator.inputs, shapes, strict=True) if own == (1, 1) != max(shapes))


def _cost(operator: Operator, name: str, graph: Graph) -> float:
    elements = math.prod(graph.tensors[name].shape)
    outputs = math.prod(graph.tensors[operator.output].shape)
    if isinstance(operator, Convolution | DeformableConvolution):
        return outputs * math.prod(operator.weight.shape[1:]) / elements
    if isinstance(operator, TransposedConvolution):
        return float(math.prod(operator.weight.shape[1:]))
    if isinstance(operator, Linear):
        return float(operator.weight.shape[0])
    return outputs / elements
