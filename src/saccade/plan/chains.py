"""Layers that are computed along with the one behind them, so that what lies between is not written to memory."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

from saccade.graph import Binary, ChannelGather, Convolution, Fallback, Graph, MaxPool, Operator, Transmission
from saccade.plan.gathers import runs_of
from saccade.plan.step import Step

MOST_PRODUCTS = 32
"""An element's multiply-adds up to which an expansion is computed anew where it is read, and not kept."""
LEAST_ELEMENTS = 1 << 20
"""Of an expansion's output: what the caches hold is read as fast as it is computed."""
MOST_POOLED_PRODUCTS, LEAST_POOLED_ELEMENTS = 160, 1 << 19
"""The same where a max pooling reads it, whose windows overlap less."""


def join_chains(graph: Graph, steps: Sequence[Step | Fallback], readers: Mapping[str, int]) -> list[Step | Fallback]:
    """Returns the steps with layers joined where nothing else reads what lies between them.

    The outputs of a depthwise layer, or of a product with one factor a channel, are computed for a block of places at a
    time where a pointwise layer reads them; channels that it chooses are read from where they lie. What comes before a
    depthwise layer or a max pooling is not kept either where computing the places around a change once more takes less
    time than memory does.

    Args:
        graph: what the steps compute.
        steps: with activations and residuals fused.
        readers: how often each tensor is read.
    """
    writers = {step.output: step for step in steps if isinstance(step, Step)}
    told = {step.output for step in writers.values() if isinstance(step.operator, Transmission)}
    joined: dict[str, Step | Fallback] = {}
    for step in steps:
        if not isinstance(step, Step):
            joined[step.outputs[0]] = step
            continue
        before = joined.get(step.inputs[0]) if step.inputs else None
        if (
            isinstance(before, Step)
            and before.residual is None
            and readers[before.output] == 1
            and told.isdisjoint(before.inputs)
            and _fits(graph, before, step)
        ):
            del joined[before.output]
            fused = (*before.fused, before.name, *step.fused)
            step = replace(step, inputs=before.inputs, before=before, fused=fused)
        joined[step.output] = step
    return list(joined.values())


def _fits(graph: Graph, before: Step, step: Step) -> bool:
    if is_depthwise(step.operator):
        return _expands(graph, before, MOST_PRODUCTS, LEAST_ELEMENTS)
    if isinstance(step.operator, MaxPool):
        return _expands(graph, before, MOST_POOLED_PRODUCTS, LEAST_POOLED_ELEMENTS)
    return _is_pointwise(step) and (is_depthwise(before.operator) or _scales(graph, before) or _chooses(before))


def is_depthwise(operator: Operator) -> bool:
    """Whether the operator is a depthwise convolution of as many output as input channels."""
    return (
        isinstance(operator, Convolution)
        and operator.weight.shape[1] == 1
        and operator.groups == operator.weight.shape[0] > 1
    )


def _is_pointwise(step: Step) -> bool:
    operator = step.operator
    return (
        isinstance(operator, Convolution)
        and operator.groups == 1
        and operator.weight.shape[2:] == operator.stride == (1, 1)
        and operator.padding == (0, 0, 0, 0)
    )


def _expands(graph: Graph, step: Step, most_products: int, least_elements: int) -> bool:
    operator = step.operator
    return (
        isinstance(operator, Convolution)
        and step.before is None
        and operator.groups == 1
        and math.prod(operator.weight.shape[1:]) <= most_products
        and math.prod(graph.tensors[step.output].shape) >= least_elements
    )


def _chooses(step: Step) -> bool:
    """Tells whether a step copies channels that a convolution can read from where they lie; slices are no copies."""
    operator = step.operator
    if not isinstance(operator, ChannelGather):
        return False
    runs = runs_of(operator.indices)
    return runs is not None and (runs.step > 1 or len(runs.firsts) > 1)


def _scales(graph: Graph, step: Step) -> bool:
    if not isinstance(step.operator, Binary) or step.operator.function != "multiply" or step.activation is not None:
        return False
    shapes = [graph.tensors[name].shape for name in step.inputs]
    whole, factors = max(shapes, key=math.prod), min(shapes, key=math.prod)
    return factors == (*whole[:2], 1, 1) != whole
