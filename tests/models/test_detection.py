"""Detectors on gated backbones."""

from __future__ import annotations

import pytest
import torch
import torchvision
from torch import nn
from torchvision.models.detection.backbone_utils import resnet_fpn_backbone
from torchvision.ops import FrozenBatchNorm2d

import saccade
import saccade.gates
import saccade.models
from saccade.errors import ModelError, RegistryError

SMALL = {"min_size": 64, "max_size": 64}


def targets(masks: bool) -> list[dict[str, torch.Tensor]]:
    target = {"boxes": torch.tensor([[4.0, 4.0, 40.0, 50.0]]), "labels": torch.tensor([1])}
    if masks:
        target["masks"] = torch.zeros(1, 64, 64, dtype=torch.uint8)
        target["masks"][:, 4:50, 4:40] = 1
    return [target]


@pytest.mark.parametrize("gate", ["das", "se", "emca"])
@pytest.mark.parametrize("kind", ["faster_rcnn", "mask_rcnn", "retinanet"])
def test_a_gated_detector_detects_and_takes_a_training_step(kind, gate) -> None:
    torch.manual_seed(0)
    model = saccade.models.detector(kind, saccade.models.create("resnet18", gate=gate), classes=3, **SMALL)
    gates = saccade.gates.gates_of(model)
    assert all(name.startswith("backbone.body.") for name in gates)
    image = torch.rand(3, 64, 64)
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-3)
    before = {name: parameter.detach().clone() for name, parameter in model.named_parameters()}
    losses = model([image], targets(kind == "mask_rcnn"))
    sum(losses.values()).backward()
    optimizer.step()
    assert all(torch.isfinite(loss) for loss in losses.values())
    used = list(gates.values())[1 if kind == "retinanet" else 0 :]
    assert all(parameter.grad is not None for module in used for parameter in module.parameters())
    assert any(
        not torch.equal(before[name], parameter) for name, parameter in model.named_parameters() if "gate" in name
    )
    (found,) = model.eval()([image])
    assert set(found) >= {"boxes", "labels", "scores"}


@pytest.mark.parametrize("name", ["mobilenet_v2", "timm:efficientnet_b0", "densenet121"])
def test_backbones_of_other_makes_carry_a_detector(name) -> None:
    model = saccade.models.detector("faster_rcnn", saccade.models.create(name, gate="se", where="stages"), **SMALL)
    (found,) = model.eval()([torch.rand(3, 64, 64)])
    assert found["boxes"].shape[1] == 4


def test_an_ungated_detector_has_the_names_and_the_outputs_of_torchvisions_own() -> None:
    torch.manual_seed(0)
    published = resnet_fpn_backbone(backbone_name="resnet18", weights=None, trainable_layers=5).eval()
    ours = saccade.models.detector("faster_rcnn", "resnet18").backbone.eval()
    ours.load_state_dict(published.state_dict())
    images = torch.randn(1, 3, 64, 96)
    expected, found = published(images), ours(images)
    assert list(found) == list(expected)
    for name in expected:
        torch.testing.assert_close(found[name], expected[name])


@pytest.mark.parametrize(
    ("kind", "published"),
    [
        ("faster_rcnn", "fasterrcnn_resnet50_fpn"),
        ("mask_rcnn", "maskrcnn_resnet50_fpn"),
        ("retinanet", "retinanet_resnet50_fpn"),
    ],
)
def test_published_detector_weights_would_load_into_the_detector(kind, published) -> None:
    with torch.device("meta"):
        theirs = getattr(torchvision.models.detection, published)(weights=None, weights_backbone=None).state_dict()
        ours = saccade.models.detector(kind, "resnet50").state_dict()
    counters = {key for key in theirs if key.endswith("num_batches_tracked")}
    assert {key: value.shape for key, value in ours.items()} == {
        key: value.shape for key, value in theirs.items() if key not in counters
    }


def test_batch_norms_of_the_backbone_are_frozen_and_those_of_gates_learn() -> None:
    backbone = saccade.models.create("resnet18", gate="cbam").eval()
    images = torch.randn(1, 3, 64, 64)
    before = backbone(images)
    frozen = saccade.models.freeze_batchnorms(backbone)
    assert isinstance(frozen.layer1[0].bn2, FrozenBatchNorm2d)
    assert any(
        isinstance(module, nn.BatchNorm2d) for module in saccade.gates.gates_of(frozen)["layer1.0.bn2"].modules()
    )
    assert sum(isinstance(module, FrozenBatchNorm2d) for module in frozen.modules()) == 20
    torch.testing.assert_close(frozen(images), before)
    learning = saccade.models.detector("faster_rcnn", saccade.models.create("resnet18"), frozen_norms=False)
    assert not any(isinstance(module, FrozenBatchNorm2d) for module in learning.modules())


def test_an_unknown_detector_is_an_error_that_lists_the_known_ones() -> None:
    with pytest.raises(RegistryError, match="unknown detector 'yolo'; known: faster_rcnn, mask_rcnn, retinanet"):
        saccade.models.detector("yolo", "resnet18")


def test_a_backbone_with_too_few_stages_is_an_error() -> None:
    with pytest.raises(ModelError, match="ShuffleNetV2 has stages of 3 resolutions and 4 are needed"):
        saccade.models.detector("faster_rcnn", "shufflenet_v2_x0_5")


def test_gates_that_would_be_cut_off_are_an_error() -> None:
    model = saccade.models.create("mobilenet_v2", gate="se", where=["features.18"])
    with pytest.raises(ModelError, match=r"the gates at features.18.* would be cut off"):
        saccade.models.detector("faster_rcnn", model)


def test_a_backbone_that_does_more_than_running_modules_is_an_error() -> None:
    class Doubled(torchvision.models.ResNet):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return super().forward(x * 2)

    model = Doubled(torchvision.models.resnet.BasicBlock, [1, 1, 1, 1])
    with pytest.raises(ModelError, match="does more than running modules one after another before 'layer1'"):
        saccade.models.detector("faster_rcnn", model)


def test_one_class_is_an_error() -> None:
    with pytest.raises(ModelError, match="classes is 1; give at least 2"):
        saccade.models.detector("faster_rcnn", "resnet18", classes=1)


def test_a_gated_detector_runs_incrementally_and_exactly() -> None:
    torch.manual_seed(0)
    model = saccade.models.detector("faster_rcnn", saccade.models.create("resnet18", gate="se"), classes=3, **SMALL)
    stream = saccade.incremental(model.eval().requires_grad_(False))
    image = torch.rand(3, 64, 64)
    for step in range(2):
        image[:, step * 8 : step * 8 + 4] = 0.5
        (found,), (dense,) = stream([image]), stream.dense([image])
        assert torch.equal(found["boxes"], dense["boxes"])
        (expected,) = model([image])
        torch.testing.assert_close(found["scores"], expected["scores"], rtol=1e-3, atol=1e-3)
