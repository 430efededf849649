"""What a network's layers are told of a second frame, when changes below a threshold are kept back: differentiable."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

LEAST_DEVIATION = 1e-6


class Simulation:
    """A tolerant stream's transmissions before every convolution and linear layer of a network.

    Attributes:
        threshold: in standard deviations of a layer's values in the first frame.
        softness: width, in thresholds, over which an element counts as partly sent.
    """

    def __init__(self, network: nn.Module, threshold: float, softness: float) -> None:
        self.network = network
        self.threshold = threshold
        self.softness = softness
        self._told: dict[nn.Module, list[Tensor]] = {}
        self._sent: list[tuple[Tensor, float]] = []

    @contextmanager
    def first(self) -> Iterator[None]:
        """Calls of the network within remember what their layers are told: everything."""
        self._told.clear()
        with self._hooked(self._remember):
            yield

    @contextmanager
    def second(self) -> Iterator[None]:
        """Calls of the network within are told what changed by more than the threshold, and the old values else."""
        self._sent.clear()
        with self._hooked(self._tell):
            yield

    def share(self) -> Tensor:
        """Returns the expected share of the multiply-adds that the second frame took, a number with gradients."""
        total = sum(weight for _, weight in self._sent)
        return torch.stack([sent * (weight / total) for sent, weight in self._sent]).sum()

    @contextmanager
    def _hooked(self, hook: Any) -> Iterator[None]:
        handles: list[RemovableHandle] = [
            module.register_forward_pre_hook(hook)
            for module in self.network.modules()
            if isinstance(module, (nn.Conv2d, nn.Linear))
        ]
        try:
            yield
        finally:
            for handle in handles:
                handle.remove()

    def _remember(self, module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        self._told.setdefault(module, []).append(inputs[0])

    def _tell(self, module: nn.Module, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        told, value = self._told[module].pop(0), inputs[0]
        limit = self.threshold * told.detach().std().clamp(min=LEAST_DEVIATION)
        change = (value - told).abs()
        expected = torch.sigmoid((change / limit - 1) / self.softness).mean()
        self._sent.append((expected, _multiply_adds(module, value)))
        return (torch.where(change > limit, value, told), *inputs[1:])


def _multiply_adds(module: nn.Module, value: Tensor) -> float:
    """Returns how many a layer makes of an input (N, C, H, W) or (N, C)."""
    if isinstance(module, nn.Linear):
        return float(value.numel() * module.out_features)
    assert isinstance(module, nn.Conv2d)
    (height, width), stride = module.kernel_size, module.stride
    taps = height * width / (stride[0] * stride[1])
    return value.numel() * module.out_channels / module.groups * taps
