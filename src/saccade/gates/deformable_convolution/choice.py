"""Which form of the deformable convolution runs where."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from saccade.errors import GateError
from saccade.gates.deformable_convolution.grid_sample import by_grid_sample
from saccade.gates.deformable_convolution.rows import by_rows
from saccade.gates.deformable_convolution.torchvision import by_torchvision
from saccade.gates.exporting import exporting
from saccade.graph import Registry

Form = Callable[[Tensor, Tensor, "Tensor | None", Tensor], Tensor]

LEAST_ROW = 12
"""Channels below which ``by_rows`` is slower than ``by_grid_sample`` on a CPU: it works row by row of so many."""

LEAST_ROW_WITH_GRADIENTS = 40
"""The same where gradients are needed: those of a sum of rows go back to the rows one number at a time."""

deformable_convolutions: Registry[Form] = Registry("form of the deformable convolution")
deformable_convolutions.register("torchvision")(by_torchvision)
deformable_convolutions.register("rows")(by_rows)
deformable_convolutions.register("grid_sample")(by_grid_sample)


def deformable_convolution(
    x: Tensor, offset: Tensor, mask: Tensor | None, weight: Tensor, form: str = "auto"
) -> Tensor:
    """Returns the deformable convolution with stride 1 and as much padding as keeps the size, (N, C, H, W).

    Args:
        x: (N, M, H, W).
        offset: (N, 2 * G * K, H, W) in places, (dy, dx) a tap, taps row by row, offset groups outermost.
        mask: (N, G * K, H, W), or None for all ones.
        weight: (C, M / groups, k, k) with k odd and K = k * k.
        form: a name in ``deformable_convolutions``, or "auto": "torchvision" in exported graphs, where it is one node,
            and on accelerators; on the CPU whichever of "rows" and "grid_sample" was measured to be the faster for as
            many channels an offset group, with gradients or without.

    Raises:
        RegistryError: ``form`` is unknown.
        GateError: ``weight`` has even sides.
    """
    if weight.shape[-1] % 2 == 0:
        raise GateError(f"the deformable kernel has side {weight.shape[-1]}; give an odd one")
    if form != "auto":
        return deformable_convolutions.get(form)(x, offset, mask, weight)
    if exporting() or x.device.type != "cpu":
        return by_torchvision(x, offset, mask, weight)
    result = deformable_convolutions.get(_fastest_on_cpu(x, offset, mask, weight))(x, offset, mask, weight)
    return result.contiguous() if x.is_contiguous() else result.contiguous(memory_format=torch.channels_last)


def _fastest_on_cpu(x: Tensor, offset: Tensor, mask: Tensor | None, weight: Tensor) -> str:
    """Returns the form that is the fastest, by benchmarks/rows/deformable-forms.json."""
    offset_groups = offset.shape[1] // (2 * weight.shape[-1] ** 2)
    row = x.shape[1] // max(1, offset_groups)
    inputs = (x, offset, weight) if mask is None else (x, offset, weight, mask)
    gradients = torch.is_grad_enabled() and any(tensor.requires_grad for tensor in inputs)
    return "rows" if row >= (LEAST_ROW_WITH_GRADIENTS if gradients else LEAST_ROW) else "grid_sample"
