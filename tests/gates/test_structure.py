"""Blocks and stages of networks of many makes."""

from __future__ import annotations

import pytest
import timm
import torch
import torchvision
from torch import nn

from saccade.gates.structure import Stage, find_stages
from saccade.gates.trace import trace


def stages_of(name: str) -> tuple[Stage, ...]:
    library, _, name = name.partition(":")
    with torch.device("meta"):
        model = torchvision.models.get_model(name) if library == "torchvision" else timm.create_model(name)
    return find_stages(model, trace(model))


@pytest.mark.parametrize(
    ("name", "stages", "blocks", "branch"),
    [
        ("torchvision:resnet18", "layer1 layer2 layer3 layer4", [2, 2, 2, 2], "layer4.1.bn2"),
        ("torchvision:resnet50", "layer1 layer2 layer3 layer4", [3, 4, 6, 3], "layer4.2.bn3"),
        ("timm:resnet50", "layer1 layer2 layer3 layer4", [3, 4, 6, 3], "layer4.2.bn3"),
        (
            "torchvision:mobilenet_v2",
            "features.1 features.3 features.6 features.10 features.13 features.16 features.17",
            [1, 2, 3, 4, 3, 3, 1],
            "features.17.conv.3",
        ),
        (
            "timm:mobilenetv2_100",
            "blocks.0.0 blocks.1 blocks.2 blocks.3 blocks.4 blocks.5 blocks.6.0",
            [1, 2, 3, 4, 3, 3, 1],
            "blocks.6.0.bn3",
        ),
        (
            "torchvision:convnext_tiny",
            "features.1 features.3 features.5 features.7",
            [3, 3, 9, 3],
            "features.7.2.stochastic_depth",
        ),
        ("timm:regnety_002", "s1.b1 s2.b1 s3 s4", [1, 1, 4, 7], "s4.b7.conv3.bn"),
        (
            "torchvision:densenet121",
            "features.denseblock1 features.denseblock2 features.denseblock3 features.denseblock4",
            [6, 12, 24, 16],
            "features.denseblock4.denselayer16.conv2",
        ),
        (
            "torchvision:vgg16_bn",
            "features.5 features.12 features.22 features.32 features.42",
            [2, 2, 3, 3, 3],
            "features.41",
        ),
    ],
)
def test_blocks_and_stages_are_those_that_the_papers_name(name, stages, blocks, branch) -> None:
    found = stages_of(name)
    assert [stage.name if len(stage.blocks) > 1 else stage.blocks[0].name for stage in found] == stages.split()
    assert [len(stage.blocks) for stage in found] == blocks
    assert found[-1].blocks[-1].branch_end == branch


def test_the_channels_of_a_stage_are_those_of_its_output() -> None:
    assert [stage.channels for stage in stages_of("torchvision:densenet121")] == [256, 512, 1024, 1024]
    assert [stage.channels for stage in stages_of("torchvision:resnet50")] == [256, 512, 1024, 2048]


def test_a_residual_block_with_functions_instead_of_modules_is_found() -> None:
    class Residual(nn.Module):
        def __init__(self, channels: int) -> None:
            super().__init__()
            self.first = nn.Conv2d(channels, channels, 3, padding=1)
            self.norm = nn.BatchNorm2d(channels)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return torch.relu(self.norm(self.first(x)) + x)

    class Network(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.one, self.two = Residual(3), Residual(3)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.two(torch.max_pool2d(self.one(x), 2))

    model = Network()
    found = find_stages(model, trace(model))
    assert [stage.name for stage in found] == ["one", "two"]
    assert [stage.blocks[0].branch_end for stage in found] == ["one.norm", "two.norm"]
    assert all(stage.blocks[0].joins for stage in found)


def test_a_plain_network_is_read_layer_by_layer() -> None:
    model = nn.Sequential(
        nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Conv2d(4, 6, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(6, 8, 3), nn.Flatten(), nn.Linear(8 * 11 * 11, 5),
    )  # fmt: skip
    first, second = find_stages(model, trace(model, (1, 1, 28, 28)))
    assert [block.name for block in first.blocks] == ["2", "4"]
    assert [block.branch_end for block in first.blocks] == ["1", "4"]
    assert (second.name, second.channels, second.side) == ("6", 8, (11, 11))
