"""What a multiply-add costs by deltas of single elements, beside one by whole places, on this machine."""

from __future__ import annotations

import functools
import math

import numpy as np
import torch

from saccade.graph import Convolution
from saccade.runtime import native

SIDE = 16
DENSITY = 0.25
ROUNDS = 9


def delta_cost(operator: Convolution, instruction_set: str) -> float:
    """Returns the time of a multiply-add by deltas over that of one by places, measured once a process and shape.

    Args:
        operator: a dense or a depthwise convolution.
        instruction_set: of the kernels.
    """
    channels_out, channels_in, *kernel = operator.weight.shape
    return _measure(
        instruction_set, channels_out, channels_in * operator.groups, (kernel[0], kernel[1]), operator.groups
    )


@functools.cache
def _measure(instruction_set: str, channels_out: int, channels_in: int, kernel: tuple[int, int], groups: int) -> float:
    """Times one layer of 16 x 16 places of which a quarter of the elements change, both ways."""
    seconds = [
        _nanoseconds(instruction_set, channels_out, channels_in, kernel, groups, forced) for forced in (0.0, math.inf)
    ]
    by_deltas, by_places = seconds
    return max(by_deltas / DENSITY / max(by_places, 1.0), 1.0)


def _nanoseconds(
    instruction_set: str, channels_out: int, channels_in: int, kernel: tuple[int, int], groups: int, forced: float
) -> float:
    program = native.Program(instruction_set)
    top, left = (kernel[0] - 1) // 2, (kernel[1] - 1) // 2
    border = [top, left, kernel[0] - 1 - top, kernel[1] - 1 - left]
    frame = program.add_tensor([1, channels_in, SIDE, SIDE], [0, 0, 0, 0], -1, 0)
    told = program.add_tensor([1, channels_in, SIDE, SIDE], border, -1, 0)
    out = program.add_tensor([1, channels_out, SIDE, SIDE], [0, 0, 0, 0], -1, 0)
    sender = program.add_transmission("told", frame, told, "elements")
    weight = np.full((channels_out, channels_in // groups, *kernel), 1e-3, np.float32)
    layer = program.add_element_convolution(
        "layer", told, out, -1, sender, weight, None, [1, 1], [top, left], [1, 1], groups, "relu", 0.0, 0.0, forced
    )
    session = program.session(1, False)
    generator = torch.Generator().manual_seed(0)
    value = torch.rand((1, channels_in, SIDE, SIDE), generator=generator)
    best = math.inf
    for _ in range(ROUNDS):
        session.load_float32(frame, value.data_ptr(), 0)
        before = session.counters[layer][1]
        session.run(0, layer + 1)
        took = session.counters[layer][1] - before
        best = min(best, took) if before else best  # the first frame is dense
        changed = torch.rand(value.shape, generator=generator) < DENSITY
        value = torch.where(changed, torch.rand(value.shape, generator=generator), value)
    return best
