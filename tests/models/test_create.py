"""Gated backbones by name."""

from __future__ import annotations

import pytest
import timm
import torch
import torchvision
from safetensors.torch import save_file

import saccade.gates
import saccade.models
from saccade.errors import GateError, RegistryError, UnknownModelError, WeightsError

IMAGES = torch.zeros(1, 3, 64, 64)


@pytest.mark.parametrize(
    ("name", "gates"), [("resnet18", 4), ("timm:resnet18", 4), ("mobilenet_v2", 7), ("timm:mobilenetv2_035", 7)]
)
def test_a_gated_backbone_of_either_library_classifies(name, gates) -> None:
    model = saccade.models.create(name, gate="das", where="stages", classes=5, alpha=0.1).eval()
    assert len(saccade.gates.gates_of(model)) == gates
    assert model(IMAGES).shape == (1, 5)


def test_a_name_that_only_timm_has_needs_no_prefix() -> None:
    assert isinstance(saccade.models.create("resnet10t"), timm.models.resnet.ResNet)
    assert isinstance(saccade.models.create("resnet18"), torchvision.models.ResNet)
    assert isinstance(saccade.models.create("timm:resnet18"), timm.models.resnet.ResNet)


def test_weights_of_a_file_fill_the_backbone_strictly_and_gates_start_as_chosen(tmp_path) -> None:
    plain = torchvision.models.resnet18().eval()
    path = tmp_path / "resnet18.safetensors"
    save_file(plain.state_dict(), path)
    gated = saccade.models.create("resnet18", gate="das", pretrained=path, start="identity").eval()
    images = torch.randn(1, 3, 64, 64)
    torch.testing.assert_close(gated(images), plain(images), rtol=0, atol=0)


def test_weights_of_another_network_are_refused(tmp_path) -> None:
    path = tmp_path / "other.safetensors"
    save_file(torchvision.models.squeezenet1_1().state_dict(), path)
    with pytest.raises(WeightsError, match=r"do not fit the model: missing: conv1.weight"):
        saccade.models.create("resnet18", gate="se", pretrained=path)


def test_published_weights_keep_all_but_the_last_layer_for_other_classes(monkeypatch) -> None:
    published = torchvision.models.resnet18()
    builder = torchvision.models.get_model
    monkeypatch.setattr(
        torchvision.models,
        "get_model",
        lambda name, **options: published if options["weights"] == "DEFAULT" else builder(name, **options),
    )
    model = saccade.models.create("resnet18", gate="se", pretrained=True, classes=120)
    assert torch.equal(model.layer4[1].conv2.weight, published.layer4[1].conv2.weight)
    assert model.fc.weight.shape == (120, 512)


def test_a_head_of_the_gate_has_the_classes_of_the_network() -> None:
    model = saccade.models.create("resnet18", gate="abn", classes=9).eval()
    with saccade.gates.collect_scores() as scores:
        assert model(IMAGES).shape == (1, 9)
    assert scores[0].shape == (1, 9)


def test_an_unknown_gate_is_an_error_that_lists_the_known_ones() -> None:
    with pytest.raises(RegistryError, match=r"unknown gate 'dass'; known: a2, .*; did you mean 'das'"):
        saccade.models.create("resnet18", gate="dass")


def test_an_unknown_place_is_an_error_that_lists_the_known_ones() -> None:
    with pytest.raises(GateError, match=r"unknown place 'stage': .*known: stages, blocks, branches"):
        saccade.models.create("resnet18", gate="das", where="stage")


def test_an_unknown_option_is_an_error_that_lists_the_known_ones() -> None:
    with pytest.raises(GateError, match="gate 'das' has no option 'beta'; known: alpha"):
        saccade.models.create("resnet18", gate="das", beta=1)


@pytest.mark.parametrize("options", [{"alpha": 0.1}, {"where": "stages"}])
def test_options_of_a_gate_without_a_gate_are_an_error(options) -> None:
    with pytest.raises(GateError, match="given without a gate"):
        saccade.models.create("resnet18", **options)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("resnet188", "torchvision and timm have no model 'resnet188'; did you mean 'resnet18'"),
        ("timm:resnet188", "timm has no model 'resnet188'; did you mean 'resnet18'"),
        ("torchvision:resnet188", "torchvision has no model 'resnet188'; did you mean 'resnet18'"),
        ("hub:resnet18", "unknown model 'hub:resnet18'; expected torchvision:NAME, timm:NAME or NAME alone"),
    ],
)
def test_an_unknown_backbone_is_an_error_that_names_close_ones(name, message) -> None:
    with pytest.raises(UnknownModelError, match=message):
        saccade.models.create(name, gate="das")
