"""Every gate at the places of its paper, in whole networks."""

from __future__ import annotations

import copy
from collections.abc import Callable

import pytest
import torch
import torchvision
from networks import BLOCKS
from torch import nn
from torchvision.models.resnet import BasicBlock, ResNet

import saccade.gates
from saccade.errors import GateError
from saccade.gates import Placement


def resnet(blocks: tuple[int, int, int, int] = (2, 2, 2, 2)) -> ResNet:
    torch.manual_seed(0)
    return ResNet(BasicBlock, list(blocks), num_classes=7).eval()


@pytest.fixture
def images() -> torch.Tensor:
    return torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("gate", saccade.gates.list_gates(ablations=True))
def test_a_network_with_any_gate_runs_and_every_gate_gets_a_gradient(gate, images) -> None:
    options = {"classes": 7} if gate == "abn" else {}
    model = saccade.gates.insert(resnet(), gate, **options).train()
    with saccade.gates.collect_scores() as scores:
        (model(images).square().sum() + sum(score.square().sum() for score in scores)).backward()
    gates = saccade.gates.gates_of(model)
    assert gates
    for gate_module in gates.values():
        assert all(parameter.grad is not None for parameter in gate_module.parameters())


@pytest.mark.parametrize(
    ("gate", "network", "places"),
    [
        ("das", "resnet50", ["layer1.2", "layer2.3", "layer3.5", "layer4.2"]),
        ("das", "mobilenet_v2", [f"features.{n}" for n in (1, 3, 6, 10, 13, 16, 17)]),
        ("bam", "resnet18", ["layer1.1", "layer2.1", "layer3.1"]),
        ("gsop", "resnet50", ["layer1.2.bn3", "layer2.3.bn3", "layer3.5.bn3", "layer4.2.bn3"]),
        ("emca", "resnet18", ["layer1.1.bn2", "layer2.1.bn2", "layer3.1.bn2", "layer4.1.bn2"]),
        ("a2", "resnet50", ["layer2.1", "layer2.3", "layer3.1", "layer3.3", "layer3.5"]),
        ("gala", "resnet50", [f"layer3.{n}.bn3" for n in range(6)]),
        ("abn", "resnet50", ["layer4.0"]),
        ("dat", "mobilenet_v2", ["features.13", "features.17"]),
    ],
)
def test_gates_are_where_their_papers_put_them(gate, network, places) -> None:
    with torch.device("meta"):
        model = getattr(torchvision.models, network)()
        saccade.gates.insert(model, gate)
    assert list(saccade.gates.gates_of(model)) == places


@pytest.mark.parametrize("network", ["resnet18", "resnet50", "resnet101", "mobilenet_v2"])
def test_a_gate_of_every_block_has_the_channels_of_that_block(network) -> None:
    with torch.device("meta"):
        model = saccade.gates.insert(getattr(torchvision.models, network)(), "se")
    found = [gate.channels for gate in saccade.gates.gates_of(model).values()]
    assert found == [channels for stage in BLOCKS[network] for channels in stage]


def emca_by_hand(plain: ResNet, gated: ResNet, images: torch.Tensor) -> torch.Tensor:
    """Returns what a ResNet of two blocks a stage with EMCA in the second should return."""
    gates = list(saccade.gates.gates_of(gated).values())
    x = plain.maxpool(torch.relu(plain.bn1(plain.conv1(images))))
    for stage, gate in zip((plain.layer1, plain.layer2, plain.layer3, plain.layer4), gates, strict=True):
        first = stage[0](x)
        block = stage[1]
        branch = block.bn2(block.conv2(torch.relu(block.bn1(block.conv1(first)))))
        x = torch.relu(gate(branch, [first]) + first)
    return plain.fc(plain.avgpool(x).flatten(1))


def exported(model: nn.Module, images: torch.Tensor) -> Callable[[torch.Tensor], torch.Tensor]:
    return torch.export.export(model, (images,), strict=False).module()


def compiled(model: nn.Module, images: torch.Tensor) -> Callable[[torch.Tensor], torch.Tensor]:
    return torch.compile(model, backend="eager", fullgraph=True)


@pytest.mark.parametrize("form", [lambda model, _: model, lambda model, _: copy.deepcopy(model), exported, compiled])
def test_emca_takes_the_outputs_of_the_earlier_blocks_of_its_stage(form, images) -> None:
    plain = resnet()
    gated = saccade.gates.insert(copy.deepcopy(plain), "emca")
    expected = emca_by_hand(plain, gated, images)
    run = form(gated, images)
    for _ in range(2):
        torch.testing.assert_close(run(images), expected)


def test_emca_forgets_a_call_that_failed(images) -> None:
    plain = resnet()
    gated = saccade.gates.insert(copy.deepcopy(plain), "emca")
    with pytest.raises(RuntimeError):
        gated.layer1[1](torch.zeros(1, 3, 8, 8))
    gated.layer1[0](torch.zeros(1, 64, 8, 8))
    torch.testing.assert_close(gated(images), emca_by_hand(plain, gated, images))


def test_emca_leaves_nothing_behind_when_it_is_taken_out(images) -> None:
    plain = resnet()
    gated = saccade.gates.remove(saccade.gates.insert(copy.deepcopy(plain), "emca"))
    assert {type(module) for module in gated.modules()} == {type(module) for module in plain.modules()}
    assert torch.equal(gated(images), plain(images))


def test_gsop_gives_the_last_stage_stride_one(images) -> None:
    plain, gated = resnet(), saccade.gates.insert(resnet(), "gsop")
    features = torch.zeros(1, 256, 4, 4)
    assert plain.layer4(features).shape[2:] == (2, 2)
    assert gated.layer4(features).shape[2:] == (4, 4)


def test_abn_gets_a_head_of_its_own_that_starts_as_the_last_stage(images) -> None:
    gated = saccade.gates.insert(resnet(), "abn", classes=7)
    (gate,) = saccade.gates.gates_of(gated).values()
    assert torch.equal(gate.head[0].conv1.weight, gated.layer4[0].conv1.weight)
    assert gate.head[0].conv1.weight is not gated.layer4[0].conv1.weight
    assert gate.head(torch.zeros(1, 256, 4, 4)).shape == (1, 512, 4, 4)
    with saccade.gates.collect_scores() as scores:
        gated(images)
    assert [score.shape for score in scores] == [(2, 7)]


def test_a_placement_that_a_network_has_no_place_for_is_an_error() -> None:
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(4, 4, 3))
    with pytest.raises(GateError, match="Sequential has 2 stages and no place of the kind"):
        saccade.gates.insert(model, "se", Placement("stages", stages=(3,)))


def test_a_stage_that_takes_a_list_of_features_has_no_place_before_it() -> None:
    with torch.device("meta"):
        model = torchvision.models.densenet121()
    with pytest.raises(GateError, match=r"'features.denseblock1.denselayer1' \(_DenseLayer\) takes no single tensor"):
        saccade.gates.insert(model, "se", "before_stages")
