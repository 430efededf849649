"""Stages by number and modules by name."""

from __future__ import annotations

import pytest
import torch
import torchvision

import saccade.gates
from saccade.errors import ModelError, StageError
from saccade.explain import stage_outputs

FRAMES = torch.zeros(1, 3, 64, 64)


def test_the_last_two_stages_of_a_resnet_are_the_default() -> None:
    found = stage_outputs(torchvision.models.resnet18(), FRAMES)
    assert [(stage.label, stage.name) for stage in found] == [("stage 3", "layer3"), ("stage 4", "layer4")]


def test_stages_and_modules_come_in_the_order_asked_for() -> None:
    model = torchvision.models.resnet18()
    found = stage_outputs(model, FRAMES, ["4", "layer1.0.conv2", "1"])
    assert [stage.label for stage in found] == ["stage 4", "layer1.0.conv2", "stage 1"]
    assert [stage.module for stage in found] == [model.layer4, model.layer1[0].conv2, model.layer1]


def test_a_stage_with_a_gate_at_its_end_is_seen_after_the_gate() -> None:
    torch.manual_seed(0)
    model = saccade.gates.insert(torchvision.models.resnet18(num_classes=4), "das", "stages").eval()
    for stage in stage_outputs(model, FRAMES, ["1", "2", "3", "4"]):
        gates = [module for module in stage.module.modules() if isinstance(module, saccade.gates.Gate)]
        assert len(gates) == 1
        seen: list[torch.Tensor] = []
        for module in (stage.module, gates[0]):
            module.register_forward_hook(lambda module, inputs, output, seen=seen: seen.append(output))
        model(torch.randn(FRAMES.shape))
        torch.testing.assert_close(seen[0], seen[1], rtol=0, atol=0)


@pytest.mark.parametrize("wanted", ["5", "0", "layer5", "", "-1"])
def test_an_unknown_stage_is_an_error_that_lists_the_known_ones(wanted) -> None:
    with pytest.raises(StageError, match=r"no stage or module .*; its stages: 1 \(layer1\), .*4 \(layer4\)"):
        stage_outputs(torchvision.models.resnet18(), FRAMES, [wanted])


def test_a_name_that_is_nearly_right_is_suggested() -> None:
    with pytest.raises(StageError, match="did you mean 'layer4'"):
        stage_outputs(torchvision.models.resnet18(), FRAMES, ["layer_4"])


def test_a_network_without_convolutions_is_an_error() -> None:
    with pytest.raises(ModelError, match="has no convolution"):
        stage_outputs(torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(12, 3)), torch.zeros(1, 3, 2, 2))
