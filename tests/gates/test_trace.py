"""One run of a network on shapes."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from saccade.errors import ModelError
from saccade.gates.trace import trace


class Residual(nn.Module):
    """A block whose ways come together in its own forward."""

    def __init__(self) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(3, 3, 3, padding=1)
        self.activation = nn.ReLU(inplace=True)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.convolution(x)
        y += x
        return self.activation(y)


def test_calls_are_in_order_and_know_what_they_took_and_gave() -> None:
    traced = trace(nn.Sequential(Residual(), nn.MaxPool2d(2)), (2, 3, 8, 8))
    assert [call.name for call in traced.calls] == ["", "0", "0.convolution", "0.activation", "1"]
    block, pool = traced.of("0")[0], traced.of("1")[0]
    assert block.joins
    assert not pool.joins
    assert pool.inputs == (block.output,)
    assert (block.shape, pool.shape) == ((2, 3, 8, 8), (2, 3, 4, 4))


def test_writing_in_place_makes_a_new_value() -> None:
    traced = trace(Residual(), (1, 3, 8, 8))
    (convolution,), (activation,) = traced.of("convolution"), traced.of("activation")
    assert convolution.output not in activation.inputs
    added = traced.values[activation.inputs[0]]
    assert added.plain_operator == "add"
    assert added.convolutions == 1
    assert convolution.output in added.sources


def test_the_model_is_neither_run_nor_changed() -> None:
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)).train()
    before = {key: value.clone() for key, value in model.state_dict().items()}
    calls: list[str] = []
    model[0].register_forward_hook(lambda *arguments: calls.append(arguments[2].device.type))
    trace(model)
    assert calls == ["meta"]
    assert model.training
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())
    assert sum(len(module._forward_hooks) + len(module._forward_pre_hooks) for module in model.modules()) == 1


def test_the_first_size_that_runs_is_taken() -> None:
    traced = trace(nn.Sequential(nn.Conv2d(1, 2, 3), nn.Flatten(), nn.Linear(2 * 30 * 30, 1)))
    assert traced.values[traced.of("")[0].inputs[0]].shape == (1, 1, 32, 32)


def test_a_model_without_convolutions_is_an_error() -> None:
    with pytest.raises(ModelError, match="Linear has no convolution"):
        trace(nn.Linear(3, 2))
