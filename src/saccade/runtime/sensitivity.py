"""How much a network's outputs depend on the single elements of its layers, and the thresholds that follow from it."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from saccade.errors import PolicyError
from saccade.graph import Fallback, Graph, Reference, Transmission
from saccade.kernels.reference import REFERENCES, fetch, run_fallback
from saccade.plan.transmissions import element_costs
from saccade.policy import Tolerance

PROJECTIONS = 8
LEAST = 0.3
"""A channel counts as at least so sensitive, as a share of its layer's root mean square: one that no output depends on
in the first frame may matter later."""
UNIT = 2e-5
"""Makes a threshold of 1 a good default: see ``Tolerance.measure``."""


def thresholds(graph: Graph, frames: Sequence[torch.Tensor], tolerance: Tolerance) -> dict[str, torch.Tensor]:
    """Returns for each Transmission of the graph, by its output's name, its channels' thresholds (C,).

    Args:
        graph: with transmissions.
        frames: the network's inputs.
        tolerance: in what unit they are stated.
    """
    transmissions = [operator for operator in graph.operators if isinstance(operator, Transmission)]
    if tolerance.threshold == 0 or tolerance.measure == "absolute":
        return {
            operator.output: torch.full((graph.tensors[operator.output].shape[1],), tolerance.threshold)
            for operator in transmissions
        }
    if tolerance.measure == "deviation":
        values = _run(graph, frames)
        return {
            operator.output: (values[operator.output].std() * tolerance.threshold).expand(
                values[operator.output].shape[1]
            )
            for operator in transmissions
        }
    costs = element_costs(graph)
    found = _given(graph, tolerance) if tolerance.sensitivities else sensitivities(graph, frames)
    largest = torch.finfo(torch.float32).max
    return {
        name: (tolerance.threshold * UNIT * costs[name] ** 0.5 / sensitivity).nan_to_num(largest, largest, largest)
        for name, sensitivity in found.items()
    }


def _given(graph: Graph, tolerance: Tolerance) -> dict[str, torch.Tensor]:
    """Returns the sensitivities that the tolerance brings, which have to fit the graph's transmissions."""
    given = {name: torch.tensor(values) for name, values in tolerance.sensitivities}
    expected = {
        operator.output: graph.tensors[operator.output].shape[1]
        for operator in graph.operators
        if isinstance(operator, Transmission)
    }
    if {name: len(values) for name, values in given.items()} != expected:
        raise PolicyError("the profile's sensitivities are not those of this model's layers: calibrate it anew")
    return {name: _with_least(values.square()).sqrt() for name, values in given.items()}


def _with_least(squares: torch.Tensor) -> torch.Tensor:
    return squares.clamp(min=float(squares.mean()) * LEAST**2)


def sensitivities(
    graph: Graph, frames: Sequence[torch.Tensor], projections: int = PROJECTIONS, seed: int = 0
) -> dict[str, torch.Tensor]:
    """Returns how much the outputs depend on an element of what each Transmission tells, by channel.

    For a channel: the root mean square over places of the norm of d outputs / d element, each output in units of its
    own norm. The norm is estimated by random projections of the outputs, one backward pass each.

    Args:
        graph: with transmissions.
        frames: the network's inputs.
        projections: more of them give less noise.
        seed: of the projections.

    Returns:
        By the transmissions' outputs' names, (C,), 0 or more.
    """
    told = [operator.output for operator in graph.operators if isinstance(operator, Transmission)]
    generator = torch.Generator().manual_seed(seed)
    with torch.enable_grad():
        values = _run(graph, frames, set(told))
        outputs = [fetch(leaf, values) for leaf in graph.outputs if isinstance(leaf, Reference)]
        outputs = [output / output.detach().norm().clamp(min=1e-12) for output in outputs if output.requires_grad]
        squares = {name: torch.zeros(values[name].shape[1]) for name in told}
        for projection in range(projections):
            total = sum((output * torch.randn(output.shape, generator=generator)).sum() for output in outputs)
            if not isinstance(total, torch.Tensor):
                break
            gradients = torch.autograd.grad(
                total, [values[name] for name in told], retain_graph=projection + 1 < projections, allow_unused=True
            )
            for name, gradient in zip(told, gradients, strict=True):
                if gradient is not None:
                    squares[name] += gradient.square().mean((0, 2, 3)) / projections
    return {name: _with_least(square).sqrt() for name, square in squares.items()}


def _run(graph: Graph, frames: Sequence[torch.Tensor], leaves: set[str] | None = None) -> dict[str, torch.Tensor]:
    """Returns every tensor of the graph; gradients are kept from the first of ``leaves`` on."""
    values = {name: frame.float() for name, frame in zip(graph.inputs, frames, strict=True)}
    for operator in graph.operators:
        if isinstance(operator, Fallback):
            values.update(zip(operator.outputs, run_fallback(operator, values), strict=True))
            continue
        shape = graph.tensors[operator.output].shape
        result = REFERENCES[operator.kind](operator, *(values[name] for name in operator.inputs), shape=shape)
        if leaves is not None and operator.output in leaves and not result.requires_grad:
            result = result.detach().requires_grad_()
        elif leaves is not None and operator.output in leaves:
            result = result.clone()
        values[operator.output] = result
    return values
