"""The least that has to be moved between memory and processor for a frame: the second half of the energy proxy.

Every step reads the places that its active outputs depend on once, its weights once where anything is active, and
writes its active outputs once; a fused activation moves nothing. That is what an ideal cache leaves over, not what a
processor counts. The comparison of the new frame with the last one is a read of both.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
import torch.nn.functional as F

from saccade.graph import AveragePool, Convolution, Fallback, MaxPool, Operator
from saccade.runtime import Program

FLOAT = 4
"""Bytes of a value."""


def bytes_moved(program: Program, maps: Mapping[str, torch.Tensor] | None) -> int:
    """Returns the bytes that a frame moves at least.

    Args:
        program: the planned network.
        maps: the frame's change maps, (N, H, W) and boolean, by the steps' names; None for a dense pass, which compares
            nothing.
    """
    shapes = {name: tensor.shape for name, tensor in program.graph.tensors.items()}
    total = 0
    if maps is not None:
        total += sum(2 * FLOAT * torch.Size(shapes[name]).numel() for name in program.graph.inputs)
    for step in program.native_steps:
        shape = shapes[step.output]
        active = torch.ones(shape[0], *shape[2:], dtype=torch.bool) if maps is None else maps[step.name]
        if not bool(active.any()):
            continue
        total += FLOAT * (int(active.sum()) * shape[1] + _weights(step.operator))
        sources = (*step.inputs, *((step.residual,) if step.residual is not None else ()))
        total += FLOAT * sum(_read(step.operator, active, shapes[name], name == step.residual) for name in sources)
    for operator in program.graph.fallbacks():
        if maps is None or bool(maps[operator.name].any()):
            total += FLOAT * _fallback(operator, shapes)
    return total


def _weights(operator: Operator) -> int:
    tensors = (value for value in vars(operator).values() if isinstance(value, torch.Tensor))
    return sum(tensor.numel() for tensor in tensors)


def _read(operator: Operator, active: torch.Tensor, shape: tuple[int, ...], pointwise: bool) -> int:
    """Returns how many values of an input the active places depend on."""
    places = shape[2] * shape[3]
    if isinstance(operator, Convolution | MaxPool | AveragePool) and not pointwise:
        return _covered(operator, active, shape) * shape[1]
    if tuple(active.shape[1:]) == tuple(shape[2:]):
        return int(active.sum()) * shape[1]
    # Of another size: enlarged or padded in proportion, a mean or a product over all places whole.
    share = float(active.float().mean()) if active[0].numel() > 1 else 1.0
    return round(share * shape[0] * places) * shape[1]


def _covered(operator: Convolution | MaxPool | AveragePool, active: torch.Tensor, shape: tuple[int, ...]) -> int:
    """Returns how many places of an input lie in the windows of the active outputs."""
    kernel = operator.weight.shape[2:] if isinstance(operator, Convolution) else operator.kernel
    dilation = (1, 1) if isinstance(operator, AveragePool) else operator.dilation
    ones = torch.ones(1, 1, *kernel)
    windows = F.conv_transpose2d(active.float()[:, None], ones, None, operator.stride, 0, 0, 1, dilation)
    top, left, _, _ = operator.padding
    return int((windows[:, :, top : top + shape[2], left : left + shape[3]] > 0.5).sum())


def _fallback(operator: Fallback, shapes: Mapping[str, tuple[int, ...]]) -> int:
    names = (*operator.inputs, *operator.outputs)
    return sum(torch.Size(shapes[name]).numel() for name in names if name in shapes)
