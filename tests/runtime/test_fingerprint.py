"""What tells captured networks apart."""

from __future__ import annotations

import torch
from torch import nn

import saccade
from saccade.runtime.fingerprint import fingerprint


class _Crossed(nn.Module):
    """Two like layers, and a choice of which of them is subtracted from the other."""

    def __init__(self, crossed: bool, named: str = "tail") -> None:
        super().__init__()
        torch.manual_seed(0)
        self.first, self.second = nn.Conv2d(3, 4, 3), nn.Conv2d(3, 4, 3)
        self.add_module(named, nn.Softplus())
        self.crossed, self.named = crossed, named

    def forward(self, frame: torch.Tensor) -> torch.Tensor:
        left, right = self.first(frame), self.second(frame)
        tail = getattr(self, self.named)
        return torch.roll(tail(right - left if self.crossed else left - right), 1, 2)


def _of(model: nn.Module, size: int = 16) -> str:
    return fingerprint(saccade.compile(model.eval(), torch.zeros(1, 3, size, size)).graph)


def test_wiring_tells_networks_of_the_same_operators_apart() -> None:
    assert _of(_Crossed(False)) == _of(_Crossed(False))
    assert _of(_Crossed(False)) != _of(_Crossed(True))


def test_what_layers_are_called_does_not_count_and_weights_and_sizes_do() -> None:
    assert _of(_Crossed(False)) == _of(_Crossed(False, named="end"))
    assert _of(_Crossed(False)) != _of(_Crossed(False), 17)
    other = _Crossed(False)
    with torch.no_grad():
        other.second.weight[0, 0, 0, 0] += 1e-3
    assert _of(_Crossed(False)) != _of(other)
