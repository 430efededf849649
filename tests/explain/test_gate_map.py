"""What gates do with a frame."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F
import torchvision
from torch import nn

import saccade.gates
from saccade.errors import ExplanationError
from saccade.explain import look_at_gates

FRAME = torch.randn(1, 3, 64, 64, generator=torch.Generator().manual_seed(0))


class Gated(nn.Module):
    """One convolution of stride 8, then a gate."""

    def __init__(self, gate: nn.Module) -> None:
        super().__init__()
        self.convolution, self.gate = nn.Conv2d(3, gate.channels, 8, 8), gate

    def forward(self, frames: torch.Tensor) -> torch.Tensor:
        return self.gate(F.relu(self.convolution(frames))).mean((2, 3))


def test_the_map_of_a_gate_is_what_its_features_are_multiplied_with() -> None:
    model = Gated(saccade.gates.create("das", 10)).eval()
    (view,) = look_at_gates(model, FRAME)
    features = F.relu(model.convolution(FRAME))
    ratio = model.gate(features) / features
    attention = torch.where(features > 1e-3, ratio, model.gate.attention(features))
    np.testing.assert_allclose(view.attention, attention[0].mean(0).detach(), atol=1e-4)
    assert (view.name, view.kind) == ("gate", "DAS")
    assert 0 < view.lowest < view.attention.min() < view.attention.max() < view.highest < 1


def test_an_untrained_das_gate_looks_at_the_regular_places() -> None:
    (view,) = look_at_gates(Gated(saccade.gates.create("das", 10)), FRAME)
    assert view.largest_offset == 0
    around = [(y, x) for y in (2, 3, 4) for x in (4, 5, 6)]
    np.testing.assert_array_equal(view.positions[0, :, :, 3, 5], around)
    np.testing.assert_allclose(view.mask, 0.5)


def test_offsets_move_the_places_looked_at_as_far_as_they_say() -> None:
    gate = saccade.gates.create("das", 10)
    with torch.no_grad():
        # Offsets are (dy, dx) a tap: tap 0 is moved by 3 down and 4 right, 5 places in all.
        gate.kernel.offset.bias[:2] = torch.tensor([3.0, 4.0])
    (view,) = look_at_gates(Gated(gate), FRAME)
    assert view.largest_offset == pytest.approx(5, abs=1e-5)
    np.testing.assert_allclose(view.positions[0, 0, :, 3, 5], [3 - 1 + 3, 5 - 1 + 4], atol=1e-5)
    np.testing.assert_allclose(view.positions[0, 1, :, 3, 5], [2, 5], atol=1e-5)


def test_gates_of_a_network_come_in_the_order_in_which_they_run() -> None:
    model = saccade.gates.insert(torchvision.models.resnet18(num_classes=4), "das", "stages")
    views = look_at_gates(model, FRAME)
    assert [view.attention.shape for view in views] == [(16, 16), (8, 8), (4, 4), (2, 2)]
    assert [view.name.split(".")[0] for view in views] == ["layer1", "layer2", "layer3", "layer4"]


@pytest.mark.parametrize("name", ["se", "cbam", "emca"])
def test_other_gates_have_maps_but_look_nowhere_else(name) -> None:
    model = saccade.gates.insert(
        torchvision.models.resnet18(num_classes=4), name, saccade.gates.gate_class(name).placement
    )
    views = look_at_gates(model, FRAME)
    assert views
    assert all(view.positions is None and view.largest_offset is None for view in views)


def test_a_network_without_gates_has_no_views() -> None:
    assert look_at_gates(torchvision.models.resnet18(num_classes=4), FRAME) == []


def test_the_network_comes_back_as_it_was() -> None:
    model = Gated(saccade.gates.create("das", 10)).train()
    look_at_gates(model, FRAME)
    assert all(module.training for module in model.modules())
    assert not any(module._forward_pre_hooks for module in model.modules())


def test_hooks_are_released_after_a_failure() -> None:
    model = Gated(saccade.gates.create("das", 10)).train()
    with pytest.raises(RuntimeError):
        look_at_gates(model, FRAME[:, :2])
    assert all(module.training for module in model.modules())
    assert not any(module._forward_pre_hooks for module in model.modules())


def test_more_than_one_frame_is_an_error() -> None:
    with pytest.raises(ExplanationError, match="there are 2 frames; expected one"):
        look_at_gates(nn.Conv2d(3, 2, 3), torch.zeros(2, 3, 8, 8))
