"""Batch norms that no longer learn, as detectors use them: their batches are too small for statistics."""

from __future__ import annotations

from typing import TypeVar

from torch import nn
from torchvision.ops import FrozenBatchNorm2d

from saccade.gates import convert_keeping_gates

Network = TypeVar("Network", bound=nn.Module)


def freeze_batchnorms(model: Network) -> Network:
    """Replaces a backbone's batch norms by torchvision's frozen ones with the same values; those of gates learn on.

    Args:
        model: the backbone; changed in place.

    Returns:
        The backbone.
    """
    return convert_keeping_gates(model, _frozen)


def _frozen(module: nn.Module) -> nn.Module:
    if isinstance(module, nn.BatchNorm2d) and module.affine and module.track_running_stats:
        frozen: nn.Module = FrozenBatchNorm2d(module.num_features, module.eps)
        values = {key: value for key, value in module.state_dict().items() if key != "num_batches_tracked"}
        frozen.load_state_dict(values, assign=True)
        return frozen
    for name, child in module.named_children():
        module.add_module(name, _frozen(child))
    return module
