"""Which form of the deformable convolution runs where."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor

from saccade.errors import GateError
from saccade.gates.deformable_convolution.grid_sample import by_grid_sample
from saccade.gates.deformable_convolution.rows import by_rows
from saccade.gates.deformable_convolution.torchvision import by_torchvision
from saccade.gates.exporting import exporting
from saccade.graph import Registry

Form = Callable[[Tensor, Tensor, "Tensor | None", Tensor], Tensor]

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
            and on accelerators; "rows" on the CPU, where it is faster, forward and backward.

    Raises:
        RegistryError: ``form`` is unknown.
        GateError: ``weight`` has even sides.
    """
    if weight.shape[-1] % 2 == 0:
        raise GateError(f"the deformable kernel has side {weight.shape[-1]}; give an odd one")
    if form == "auto":
        form = "rows" if x.device.type == "cpu" and not exporting() else "torchvision"
    return deformable_convolutions.get(form)(x, offset, mask, weight)
