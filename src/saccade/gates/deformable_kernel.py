"""A deformable kernel that predicts its own offsets and mask from its input."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from saccade.errors import GateError
from saccade.gates.checks import check_divides, check_known, check_odd
from saccade.gates.deformable_convolution import deformable_convolution, deformable_convolutions


@dataclass(frozen=True)
class Sampling:
    """Where a deformable kernel looks.

    Args:
        offset: (N, G, K, 2, H, W), how far each tap is moved, (dy, dx) in places, for G offset groups and K taps row by
            row; without offset the taps are the places around (y, x).
        mask: (N, G, K, H, W), how much each tap counts.
    """

    offset: Tensor
    mask: Tensor

    def positions(self) -> Tensor:
        """Returns where each tap looks, (N, G, K, 2, H, W): (y, x) in places, from 0 at the first."""
        taps, height, width = self.offset.shape[2], *self.offset.shape[4:]
        side = round(taps**0.5)
        around = torch.arange(side, device=self.offset.device) - side // 2
        tap_y, tap_x = torch.meshgrid(around, around, indexing="ij")
        tap = torch.stack((tap_y, tap_x), dim=-1).reshape(taps, 2, 1, 1)
        y, x = torch.meshgrid(
            torch.arange(height, device=self.offset.device),
            torch.arange(width, device=self.offset.device),
            indexing="ij",
        )
        return self.offset + tap + torch.stack((y, x))


class DeformableKernel(nn.Module):
    """Deformable convolution, stride 1, without bias, with offsets and mask predicted from its input.

    The convolutions that predict offsets and mask start at zero: no offsets, and the mask at 1/2 or 1/K.

    Args:
        inputs: M, channels of the input.
        outputs: C, channels of the output.
        kernel: "dense"; "grouped"; "separable", depthwise deformable and then 1x1.
        groups: groups of the kernel "grouped"; divides M and C.
        kernel_size: side, odd.
        offset: "dense", "pointwise", "separable" or "none".
        mask: "sigmoid", "softmax" or "none".
        offset_groups: G; divides M.
        largest_offset: bound on the offsets in places, through tanh; None for no bound.
        form: "auto", or a name in ``deformable_convolutions``.

    Raises:
        GateError: an argument is out of range.
        RegistryError: ``form`` is unknown.
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        kernel: str = "dense",
        groups: int = 1,
        kernel_size: int = 3,
        offset: str = "dense",
        mask: str = "sigmoid",
        offset_groups: int = 1,
        largest_offset: float | None = None,
        form: str = "auto",
    ) -> None:
        super().__init__()
        check_known(kernel, ("dense", "grouped", "separable"), "kernel")
        check_known(mask, ("none", "sigmoid", "softmax"), "mask")
        if form != "auto":
            deformable_convolutions.get(form)
        check_odd(kernel_size=kernel_size)
        if largest_offset is not None and not largest_offset > 0:
            raise GateError(f"largest_offset is {largest_offset!r}; give a number of places above 0, or None")
        if kernel != "grouped" and groups != 1:
            raise GateError(f"groups is {groups!r} with kernel={kernel!r}; groups go with kernel='grouped'")
        check_divides(inputs, groups=groups, offset_groups=offset_groups)
        check_divides(outputs, groups=groups)
        self.mask_form, self.form = mask, form
        self.kernel_size, self.offset_groups, self.largest_offset = kernel_size, offset_groups, largest_offset
        taps = kernel_size * kernel_size
        deformed = inputs if kernel == "separable" else outputs
        groups = inputs if kernel == "separable" else groups
        weight = torch.empty(deformed, inputs // groups, kernel_size, kernel_size)
        self.weight = nn.Parameter(weight.contiguous(memory_format=torch.channels_last))
        nn.init.kaiming_uniform_(self.weight, a=5**0.5)  # as nn.Conv2d
        self.offset = _predictor(offset, inputs, 2 * taps * offset_groups, kernel_size)
        self.mask = _predictor("none" if mask == "none" else "dense", inputs, taps * offset_groups, kernel_size)
        self.pointwise = nn.Conv2d(inputs, outputs, 1, bias=False) if kernel == "separable" else nn.Identity()

    def predict(self, x: Tensor) -> tuple[Tensor, Tensor | None]:
        """Returns offsets (N, 2 * G * K, H, W) and mask (N, G * K, H, W), or None for a mask of ones."""
        taps = self.kernel_size * self.kernel_size
        batch, _, height, width = x.shape
        if isinstance(self.offset, nn.Identity):
            offset = x.new_zeros(batch, 2 * taps * self.offset_groups, height, width)
        else:
            offset = self.offset(x)
        if self.largest_offset is not None:
            offset = self.largest_offset * torch.tanh(offset / self.largest_offset)
        if self.mask_form == "none":
            return offset, None
        logits: Tensor = self.mask(x)
        if self.mask_form == "sigmoid":
            return offset, torch.sigmoid(logits)
        weights = logits.reshape(batch, self.offset_groups, taps, height, width).softmax(2)
        return offset, weights.reshape(batch, -1, height, width)

    def forward(self, x: Tensor) -> Tensor:
        """Returns the convolution's output, (N, C, H, W), for features (N, M, H, W)."""
        offset, mask = self.predict(x)
        result: Tensor = self.pointwise(deformable_convolution(x, offset, mask, self.weight, self.form))
        return result

    def sampling(self, x: Tensor) -> Sampling:
        """Returns where the kernel looks in ``x``, (N, M, H, W)."""
        offset, mask = self.predict(x)
        batch, _, height, width = x.shape
        shape = (batch, self.offset_groups, self.kernel_size**2)
        if mask is None:
            mask = x.new_ones(*shape, height, width)
        return Sampling(offset.reshape(*shape, 2, height, width), mask.reshape(*shape, height, width))


def use_form(module: nn.Module, form: str) -> int:
    """Sets how every deformable kernel within a module is computed, for example before an export.

    Args:
        module: a gate or a whole network.
        form: "auto", or a name in ``deformable_convolutions``: "grid_sample" for ONNX runtimes without DeformConv.

    Returns:
        The number of kernels set.

    Raises:
        RegistryError: ``form`` is unknown.
    """
    if form != "auto":
        deformable_convolutions.get(form)
    kernels = [part for part in module.modules() if isinstance(part, DeformableKernel)]
    for kernel in kernels:
        kernel.form = form
    return len(kernels)


def _predictor(kind: str, inputs: int, outputs: int, kernel_size: int) -> nn.Module:
    """Returns a convolution whose output starts at zero."""
    check_known(kind, ("dense", "none", "pointwise", "separable"), "offset")
    if kind == "none":
        return nn.Identity()
    if kind == "separable":
        depthwise = nn.Conv2d(inputs, inputs, kernel_size, padding=kernel_size // 2, groups=inputs)
        last = nn.Conv2d(inputs, outputs, 1)
        module: nn.Module = nn.Sequential(depthwise, last)
    else:
        side = kernel_size if kind == "dense" else 1
        module = last = nn.Conv2d(inputs, outputs, side, padding=side // 2)
    nn.init.zeros_(last.weight)
    assert last.bias is not None
    nn.init.zeros_(last.bias)
    return module
