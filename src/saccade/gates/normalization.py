"""The four norms that the DAS paper tries before and after its deformable kernel (Table 5), by name."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from saccade.gates.checks import check_known
from saccade.gates.exporting import exporting
from saccade.graph import Registry


class SampleNormalization(nn.Module):
    """Zero mean and unit variance over some axes of each sample, with an optional scale and shift a channel.

    Args:
        channels: C.
        axes: what is averaged over: "hw", each channel of each sample (InstanceNorm); "chw", each sample (LayerNorm, or
            GroupNorm with one group); "c", each place of each sample (LayerNorm as transformers use it).
        affine: learn a scale and a shift a channel, 1 and 0 at the start.
        epsilon: added to the variance.

    Raises:
        GateError: ``axes`` is not one of these.
    """

    def __init__(self, channels: int, axes: str, affine: bool = False, epsilon: float = 1e-5) -> None:
        super().__init__()
        check_known(axes, ("c", "chw", "hw"), "axes of a norm")
        self.axes = axes
        self.epsilon = epsilon
        self.weight = nn.Parameter(torch.ones(channels)) if affine else None
        self.bias = nn.Parameter(torch.zeros(channels)) if affine else None

    def forward(self, x: Tensor) -> Tensor:
        """Returns the normalised features, (N, C, H, W)."""
        if self.axes == "hw":
            return self._over_places(x)
        if self.axes == "chw":
            return F.group_norm(x, 1, self.weight, self.bias, self.epsilon)
        last = F.layer_norm(x.permute(0, 2, 3, 1), x.shape[1:2], self.weight, self.bias, self.epsilon)
        return last.permute(0, 3, 1, 2)

    def _over_places(self, x: Tensor) -> Tensor:
        """Returns the instance norm, in the memory format of ``x``.

        Not by torch's instance_norm: on the CPU its gradient is wrong for a batch of one whose gradient arrives in
        channels_last (torch 2.14), and it takes longer than one group a channel. Graphs for others have it by its name.
        """
        if x.shape[2] * x.shape[3] == 1:  # torch refuses images of one place, where every value is its own mean
            zeros = x - x
            if self.weight is None or self.bias is None:
                return zeros
            return zeros * self.weight[:, None, None] + self.bias[:, None, None]
        if exporting():
            return F.instance_norm(x, weight=self.weight, bias=self.bias, eps=self.epsilon)
        normal = F.group_norm(x.contiguous(), x.shape[1], self.weight, self.bias, self.epsilon)
        return normal if x.is_contiguous() else normal.contiguous(memory_format=torch.channels_last)

    def extra_repr(self) -> str:
        """Returns the axes for the module's printed form."""
        return f"axes={self.axes!r}, affine={self.weight is not None}"


Maker = Callable[[int, bool, str], nn.Module]

normalizations: Registry[Maker] = Registry("norm")
"""Makers of a norm from the channels, whether it is affine, and the axes of LayerNorm."""


@normalizations.register("batch")
def _batch(channels: int, affine: bool, layer_axes: str) -> nn.Module:
    del layer_axes
    return nn.BatchNorm2d(channels, affine=affine)


@normalizations.register("feature")
def _feature(channels: int, affine: bool, layer_axes: str) -> nn.Module:
    del affine, layer_axes
    return SampleNormalization(channels, "c")


@normalizations.register("instance")
def _instance(channels: int, affine: bool, layer_axes: str) -> nn.Module:
    del layer_axes
    return SampleNormalization(channels, "hw", affine)


@normalizations.register("layer")
def _layer(channels: int, affine: bool, layer_axes: str) -> nn.Module:
    return SampleNormalization(channels, layer_axes, affine)


@normalizations.register("none")
def _none(channels: int, affine: bool, layer_axes: str) -> nn.Module:
    del channels, affine, layer_axes
    return nn.Identity()
