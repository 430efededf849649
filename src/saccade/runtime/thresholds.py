"""By how much an element has to change before a layer is told: from sensitivities, by channel and by place."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from saccade.errors import PolicyError
from saccade.graph import Graph, Transmission
from saccade.plan.transmissions import element_costs
from saccade.policy import Tolerance
from saccade.runtime.sensitivity import run_graph, sensitivities, with_least

UNIT = 0.22
"""The relative error of the outputs if every element were off by a threshold of 1: see ``Tolerance.measure``."""
CELL = 32
"""Side, in pixels of the network's input, of a cell whose places count alike: single places move, and their estimates
are noisy."""
FACTORS = tuple(2 ** (step / 4) for step in range(-4, 9))
"""What thresholds are divided by: the nearest to the square root of how much more a cell matters than the mean one."""


@dataclass(frozen=True, eq=False)
class Thresholds:
    """Of what one Transmission tells.

    Attributes:
        rows: (R, C), float32, 0 or more.
        rows_of_places: (N, H, W), uint8, which row counts where; None for the first everywhere.
    """

    rows: torch.Tensor
    rows_of_places: torch.Tensor | None = None

    def times(self, factor: float) -> Thresholds:
        """Returns thresholds that are so many times as large."""
        return Thresholds(self.rows * factor, self.rows_of_places)

    def arrays(self) -> tuple[Any, Any]:
        """Returns both as the native session takes them."""
        places = None if self.rows_of_places is None else self.rows_of_places.contiguous().numpy()
        return self.rows.contiguous().numpy(), places

    def elements(self) -> torch.Tensor:
        """Returns one threshold an element, (N or 1, C, H or 1, W or 1)."""
        if self.rows_of_places is None:
            return self.rows[:1, :, None, None]
        return self.rows[self.rows_of_places.long()].permute(0, 3, 1, 2)


def thresholds(graph: Graph, frames: Sequence[torch.Tensor], tolerance: Tolerance) -> dict[str, Thresholds]:
    """Returns for each Transmission of the graph, by its output's name, its thresholds.

    Args:
        graph: with transmissions.
        frames: the network's inputs.
        tolerance: in what unit they are stated.

    Raises:
        PolicyError: the tolerance brings another model's sensitivities, or none and no output has a gradient.
    """
    shapes = {
        operator.output: graph.tensors[operator.output].shape
        for operator in graph.operators
        if isinstance(operator, Transmission)
    }
    if tolerance.threshold == 0 or tolerance.measure == "absolute":
        return {name: Thresholds(torch.full((1, shape[1]), tolerance.threshold)) for name, shape in shapes.items()}
    if tolerance.measure == "deviation":
        values = run_graph(graph, frames)
        return {
            name: Thresholds((values[name].std() * tolerance.threshold).expand(1, shape[1]))
            for name, shape in shapes.items()
        }
    measured = sensitivities(graph, frames) if tolerance.by_place or not tolerance.sensitivities else {}
    channels = {name: found.channels for name, found in measured.items()}
    if tolerance.sensitivities:
        channels = _given(shapes, tolerance)
    costs = element_costs(graph)
    whole = sum(cost * math.prod(graph.tensors[name].shape) for name, cost in costs.items())
    side = max((max(graph.tensors[name].shape[2:], default=1) for name in graph.inputs), default=1)
    found = {}
    for name, sensitivity in channels.items():
        base = tolerance.threshold * UNIT * (costs[name] / whole) ** 0.5 / sensitivity
        cell = max(1, round(CELL * max(shapes[name][2:]) / side))
        places = _levels(measured[name].places, cell) if tolerance.by_place else None
        factors = torch.tensor(FACTORS if tolerance.by_place else (1.0,))
        largest = torch.finfo(torch.float32).max
        found[name] = Thresholds((base / factors[:, None]).nan_to_num(0.0, largest, largest), places)
    return found


def _given(shapes: Mapping[str, tuple[int, ...]], tolerance: Tolerance) -> dict[str, torch.Tensor]:
    """Returns the sensitivities that the tolerance brings, which have to fit the graph's transmissions."""
    given = {name: torch.tensor(values) for name, values in tolerance.sensitivities}
    if {name: len(values) for name, values in given.items()} != {name: shape[1] for name, shape in shapes.items()}:
        raise PolicyError("the profile's sensitivities are not those of this model's layers: calibrate it anew")
    return {name: with_least(values.square()).sqrt() for name, values in given.items()}


def _levels(places: torch.Tensor, cell: int) -> torch.Tensor:
    """Returns for each place (N, H, W) the number of its cell's factor, uint8; ``cell`` is the side in places.

    The factor is the square root of how much the cell matters: half way to what would be best if that were known and
    stayed, as what matters moves.
    """
    height, width = places.shape[1:]
    squares = torch.nn.functional.avg_pool2d(
        places.square()[:, None], min(cell, max(height, width)), ceil_mode=True, count_include_pad=False
    )
    factors = squares.nan_to_num(1.0).clamp(min=1e-12) ** 0.25
    steps = factors.log2() - math.log2(FACTORS[0])
    levels = (4 * steps).round().clamp(0, len(FACTORS) - 1).to(torch.uint8)[:, 0]
    return levels.repeat_interleave(cell, 1).repeat_interleave(cell, 2)[:, :height, :width].contiguous()
