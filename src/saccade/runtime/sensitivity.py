"""How much a network's outputs depend on the single elements of its layers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from saccade.agreement import as_real
from saccade.errors import PolicyError
from saccade.graph import Fallback, Graph, Reference, Transmission
from saccade.kernels.reference import REFERENCES, as_read, fetch, run_fallback

PROJECTIONS = 8
LEAST = 0.3
"""A channel counts as at least so sensitive, as a share of its layer's root mean square: one that no output depends on
in the first frame may matter later."""


@dataclass(frozen=True, eq=False)
class Sensitivity:
    """How much the outputs depend on an element of a tensor.

    Attributes:
        channels: (C,), 0 or more; see ``sensitivities``.
        places: (N, H, W), 0 or more: by how much a place matters more than the mean place, which has 1; the root mean
            square over its channels, each in units of its own.
    """

    channels: torch.Tensor
    places: torch.Tensor


def with_least(squares: torch.Tensor) -> torch.Tensor:
    """Returns squared sensitivities (C,) of which none is next to nothing beside the others."""
    return squares.clamp(min=float(squares.mean()) * LEAST**2)


def sensitivities(
    graph: Graph, frames: Sequence[torch.Tensor], projections: int = PROJECTIONS, seed: int = 0
) -> dict[str, Sensitivity]:
    """Returns how much the outputs depend on an element of what each Transmission tells, by channel and by place.

    For a channel: the root mean square over places of the norm of d outputs / d element, each output in units of its
    own norm. The norm is estimated by random projections of the outputs, one backward pass each.

    Args:
        graph: with transmissions.
        frames: the network's inputs.
        projections: more of them give less noise.
        seed: of the projections.

    Returns:
        By the transmissions' outputs' names.

    Raises:
        PolicyError: there are transmissions, but no output can be differentiated.
    """
    told = [operator.output for operator in graph.operators if isinstance(operator, Transmission)]
    if not told:
        return {}
    generator = torch.Generator().manual_seed(seed)
    with torch.inference_mode(mode=False), torch.enable_grad():  # whatever mode the stream is called in
        values = run_graph(graph, [frame.clone() for frame in frames], set(told))
        outputs = [fetch(leaf, values) for leaf in graph.outputs if isinstance(leaf, Reference)]
        outputs = [as_real(output) for output in outputs]
        outputs = [output / output.detach().norm().clamp(min=1e-12) for output in outputs if output.requires_grad]
        squares = {name: torch.zeros_like(values[name], requires_grad=False) for name in told}
        for projection in range(projections):
            total = sum((output * torch.randn(output.shape, generator=generator)).sum() for output in outputs)
            if not isinstance(total, torch.Tensor):
                raise PolicyError(
                    "no output of this network has a gradient, so nothing says how much its layers matter; give a "
                    "policy that needs no sensitivities, such as exact, gate or deltacnn"
                )
            gradients = torch.autograd.grad(
                total, [values[name] for name in told], retain_graph=projection + 1 < projections, allow_unused=True
            )
            for name, gradient in zip(told, gradients, strict=True):
                if gradient is not None:
                    squares[name] += gradient.square() / projections
    return {name: _summed_up(square) for name, square in squares.items()}


def _summed_up(squares: torch.Tensor) -> Sensitivity:
    channels = with_least(squares.mean((0, 2, 3)))
    places = (squares / channels.clamp(min=torch.finfo(torch.float32).tiny)[:, None, None]).mean(1)
    mean = places.mean()
    return Sensitivity(channels.sqrt(), (places / mean).sqrt() if mean > 0 else torch.ones_like(places))


def run_graph(graph: Graph, frames: Sequence[torch.Tensor], leaves: set[str] | None = None) -> dict[str, torch.Tensor]:
    """Returns every tensor of the graph; gradients are kept from the first of ``leaves`` on."""
    values = {name: as_read(frame) for name, frame in zip(graph.inputs, frames, strict=True)}
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
