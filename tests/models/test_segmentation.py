"""Segmenters on gated backbones."""

from __future__ import annotations

import pytest
import torch
import torchvision

import saccade.gates
import saccade.models
from saccade.errors import ModelError, RegistryError

IMAGES = torch.linspace(-1, 1, 2 * 3 * 64 * 64).reshape(2, 3, 64, 64)


@pytest.mark.parametrize("gate", ["das", "se"])
@pytest.mark.parametrize("kind", ["deeplabv3", "fcn"])
def test_a_gated_segmenter_labels_every_pixel_and_takes_a_training_step(kind, gate) -> None:
    torch.manual_seed(0)
    model = saccade.models.segmenter(kind, saccade.models.create("resnet18", gate=gate), classes=4, auxiliary=True)
    outputs = model(IMAGES)
    assert {name: output.shape for name, output in outputs.items()} == dict.fromkeys(("out", "aux"), (2, 4, 64, 64))
    labels = torch.zeros(2, 64, 64, dtype=torch.long)
    sum(torch.nn.functional.cross_entropy(output, labels) for output in outputs.values()).backward()
    torch.optim.SGD(model.parameters(), lr=1e-3).step()
    gates = saccade.gates.gates_of(model)
    assert len(gates) == (4 if gate == "das" else 8)
    assert all(parameter.grad is not None for module in gates.values() for parameter in module.parameters())


@pytest.mark.parametrize("kind", ["deeplabv3", "fcn"])
def test_an_ungated_segmenter_has_the_names_and_the_outputs_of_torchvisions_own(kind) -> None:
    torch.manual_seed(0)
    published = getattr(torchvision.models.segmentation, f"{kind}_resnet50")(
        weights=None, weights_backbone=None, aux_loss=True
    ).eval()
    ours = saccade.models.segmenter(kind, "resnet50", auxiliary=True).eval()
    ours.load_state_dict(published.state_dict())
    with torch.no_grad():
        expected, found = published(IMAGES), ours(IMAGES)
    for name in expected:
        torch.testing.assert_close(found[name], expected[name])


@pytest.mark.parametrize(
    ("name", "stride"), [("resnet18", 8), ("resnet18", 16), ("mobilenet_v2", 16), ("resnet18", 32)]
)
def test_features_have_the_stride_asked_for(name, stride) -> None:
    model = saccade.models.segmenter(
        "fcn", saccade.models.create(name, gate="se", where="stages"), stride=stride
    ).eval()
    assert model.backbone(IMAGES)["out"].shape[2:] == (64 // stride, 64 // stride)
    assert model(IMAGES)["out"].shape == (2, 21, 64, 64)


def test_an_unknown_segmenter_is_an_error_that_lists_the_known_ones() -> None:
    with pytest.raises(RegistryError, match="unknown segmenter 'unet'; known: deeplabv3, fcn"):
        saccade.models.segmenter("unet", "resnet18")


@pytest.mark.parametrize("options", [{"stride": 4}, {"classes": 0}])
def test_options_out_of_range_are_an_error(options) -> None:
    with pytest.raises(ModelError, match="give classes >= 1 and a stride of"):
        saccade.models.segmenter("fcn", "resnet18", **options)


def test_a_backbone_that_strides_by_pooling_is_an_error() -> None:
    with pytest.raises(ModelError, match="VGG cannot be dilated to a stride of 8"):
        saccade.models.segmenter("fcn", "vgg11")
