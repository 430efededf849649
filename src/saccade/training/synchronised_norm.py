"""Batch norms whose statistics are those of the whole batch, whatever number of processes shares it.

On accelerators torch's own SyncBatchNorm does this. It refuses tensors on the CPU, for which this file has a batch norm
of the same parameters and buffers: mean and variance are taken over all processes, and gradients pass through both.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.distributed
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from saccade.errors import RecipeError
from saccade.gates import convert_sync_batchnorm
from saccade.gates.insertion import convert_keeping_gates

_PLAIN = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)


def synchronise_batch_norms(network: nn.Module, device: torch.device) -> nn.Module:
    """Makes every batch norm of a network, gates included, one over all processes.

    Args:
        network: changed in place; names in its state dict stay.
        device: it will run on.

    Returns:
        The network.

    Raises:
        RecipeError: a batch norm does more than normalise, so that another cannot stand in for it.
    """
    odd = [name for name, part in network.named_modules() if isinstance(part, _BatchNorm) and type(part) not in _PLAIN]
    if odd:
        raise RecipeError(
            f"the batch norm {odd[0]!r} is a {type(network.get_submodule(odd[0])).__name__}, which cannot be "
            "synchronised without losing what else it does; give --set synchronise_norms=False"
        )
    if device.type != "cpu":
        return convert_sync_batchnorm(network)
    return convert_keeping_gates(network, _converted, gates_too=True)


class SynchronisedNorm(_BatchNorm):
    """Batch normalisation over (N, *) of all processes, in float32 at least, on the CPU.

    In evaluation mode, and in a single process, it is ``nn.BatchNorm2d``.
    """

    def _check_input_dim(self, input: Tensor) -> None:
        if input.dim() < 2:
            raise ValueError(f"expected at least 2 axes, (N, C, ...), not {input.dim()}")

    def forward(self, input: Tensor) -> Tensor:
        """Takes features (N, C, ...), as many in every process, and returns them normalised."""
        alone = not torch.distributed.is_initialized() or torch.distributed.get_world_size() == 1
        if alone or not self.training:
            plain: Tensor = super().forward(input)
            return plain
        self._check_input_dim(input)
        axes = [axis for axis in range(input.dim()) if axis != 1]
        shape = [-1 if axis == 1 else 1 for axis in range(input.dim())]
        x = input.to(torch.promote_types(input.dtype, torch.float32))
        count = x.numel() // x.shape[1] * torch.distributed.get_world_size()
        mean = _Sum.apply(x.sum(axes)) / count
        centred = x - mean.reshape(shape)
        variance = _Sum.apply(centred.square().sum(axes)) / count
        self._track(mean.detach(), variance.detach() * (count / max(1, count - 1)))
        result = centred * (variance + self.eps).rsqrt().reshape(shape)
        if self.affine:
            result = result * self.weight.reshape(shape) + self.bias.reshape(shape)
        returned: Tensor = result.to(input.dtype)
        return returned

    @torch.no_grad()
    def _track(self, mean: Tensor, variance: Tensor) -> None:
        if not self.track_running_stats or self.running_mean is None or self.running_var is None:
            return
        assert self.num_batches_tracked is not None
        self.num_batches_tracked.add_(1)
        share = 1 / float(self.num_batches_tracked) if self.momentum is None else self.momentum
        self.running_mean.lerp_(mean, share)
        self.running_var.lerp_(variance, share)


class _Sum(torch.autograd.Function):
    """The sum of a tensor over all processes, with its gradient."""

    @staticmethod
    def forward(context: Any, values: Tensor) -> Tensor:
        total = values.clone()
        torch.distributed.all_reduce(total)
        return total

    @staticmethod
    def backward(context: Any, gradient: Tensor) -> Tensor:
        total = gradient.clone()
        torch.distributed.all_reduce(total)
        return total


def _converted(module: nn.Module) -> nn.Module:
    """Returns a module with other batch norms in it, of the same parameters and buffers."""
    if isinstance(module, _PLAIN):
        norm = SynchronisedNorm(
            module.num_features, module.eps, module.momentum, module.affine, module.track_running_stats
        )
        norm.weight, norm.bias = module.weight, module.bias
        norm.running_mean, norm.running_var = module.running_mean, module.running_var
        norm.num_batches_tracked = module.num_batches_tracked
        norm.training = module.training
        return norm
    for name, child in module.named_children():
        replaced = _converted(child)
        if replaced is not child:
            setattr(module, name, replaced)
    return module
