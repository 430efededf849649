"""What a multiply-add costs by deltas of single elements, beside one by whole places, on this machine."""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass

import numpy as np
import torch

from saccade.graph import Convolution
from saccade.runtime import native

SIDE = 16
MANY, FEW = 0.25, 0.01
"""Shares of the elements that change."""
ROUNDS = 9


@dataclass(frozen=True)
class DeltaCost:
    """What a layer takes by deltas of single elements and by whole places, in nanoseconds or any one unit.

    Attributes:
        by_places: a multiply-add of a place that is computed anew.
        by_deltas: a multiply-add of a delta.
        place: each place of the output that any delta reaches: to look for its deltas, to load and store its sums.
        element: each element of the input that is compared; 0 has it compared whether that pays or not.
    """

    by_places: float
    by_deltas: float
    place: float
    element: float


def delta_cost(operator: Convolution, instruction_set: str) -> DeltaCost:
    """Returns what a layer takes on this machine, in nanoseconds, measured once a process and shape.

    Args:
        operator: a dense or a depthwise convolution.
        instruction_set: of the kernels.
    """
    channels_out, channels_in, *kernel = operator.weight.shape
    return _measure(
        instruction_set, channels_out, channels_in * operator.groups, (kernel[0], kernel[1]), operator.groups
    )


@functools.cache
def _measure(
    instruction_set: str, channels_out: int, channels_in: int, kernel: tuple[int, int], groups: int
) -> DeltaCost:
    """Times one layer of 16 x 16 places both ways, by deltas with many and with few elements that change."""
    layer = (instruction_set, channels_out, channels_in, kernel, groups)
    places = SIDE * SIDE
    multiply_adds = places * channels_out * channels_in // groups * math.prod(kernel)
    anew, _ = _nanoseconds(*layer, MANY, math.inf)
    many, comparing = _nanoseconds(*layer, MANY, 0.0)
    few, _ = _nanoseconds(*layer, FEW, 0.0)
    by_places = anew / multiply_adds
    by_deltas = max((many - few) / (MANY - FEW) / multiply_adds, by_places)
    return DeltaCost(
        by_places,
        by_deltas,
        max(few - FEW * by_deltas * multiply_adds, 0.0) / places,
        comparing / (places * channels_in),
    )


def _nanoseconds(
    instruction_set: str,
    channels_out: int,
    channels_in: int,
    kernel: tuple[int, int],
    groups: int,
    density: float,
    forced: float,
) -> tuple[float, float]:
    """Returns the least times of a frame of which a share of the elements changes: of the layer and of the comparison.

    Args:
        density: that share, 0..1.
        forced: 0 to add deltas, infinity to compute places anew.
    """
    program = native.Program(instruction_set)
    top, left = (kernel[0] - 1) // 2, (kernel[1] - 1) // 2
    border = [top, left, kernel[0] - 1 - top, kernel[1] - 1 - left]
    frame = program.add_tensor([1, channels_in, SIDE, SIDE], [0, 0, 0, 0], -1, 0)
    told = program.add_tensor([1, channels_in, SIDE, SIDE], border, -1, 0)
    out = program.add_tensor([1, channels_out, SIDE, SIDE], [0, 0, 0, 0], -1, 0)
    sender = program.add_transmission("told", frame, told, "elements")
    weight = np.full((channels_out, channels_in // groups, *kernel), 1e-3, np.float32)
    layer = program.add_element_convolution(
        "layer",
        told,
        out,
        -1,
        sender,
        weight,
        None,
        [1, 1],
        [top, left],
        [1, 1],
        groups,
        "relu",
        0.0,
        0.0,
        [1.0, forced, 0.0, 0.0],
    )
    session = program.session(1, False)
    generator = torch.Generator().manual_seed(0)
    value = torch.rand((1, channels_in, SIDE, SIDE), generator=generator)
    best = [math.inf, math.inf]
    for number in range(ROUNDS):
        session.load_float32(frame, value.data_ptr(), 0)
        before = session.counters
        session.run(0, layer + 1)
        after = session.counters
        if number:  # the first frame is dense
            best = [
                min(least, max(after[index][1] - before[index][1], 1))
                for least, index in zip(best, (layer, sender), strict=True)
            ]
        changed = torch.rand(value.shape, generator=generator) < density
        value = torch.where(changed, torch.rand(value.shape, generator=generator), value)
    return best[0], best[1]
