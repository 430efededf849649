"""Real networks: the stream agrees with the model, and bit for bit with a dense pass after a change."""

from __future__ import annotations

import warnings
from collections.abc import Iterator

import pytest
import torch
import torchvision
from torch import nn

import saccade
import saccade.models
from saccade.gates.deformable_kernel import DeformableKernel

CLASSIFIERS = {
    "convnext_tiny": 64,
    "densenet121": 64,
    "efficientnet_b0": 64,
    "googlenet": 64,
    "mobilenet_v2": 96,
    "mobilenet_v3_small": 96,
    "regnet_y_400mf": 64,
    "resnet18": 96,
    "shufflenet_v2_x0_5": 96,
    "squeezenet1_1": 64,
}
SEGMENTERS = {"deeplabv3_mobilenet_v3_large": 64, "fcn_resnet50": 64, "lraspp_mobilenet_v3_large": 96}
TIMM = {
    "dla46_c": 64,
    "ghostnet_050": 64,
    "mobilenetv4_conv_small_035": 64,
    "resnet10t": 64,
    "repvgg_a0": 64,
}


def trained_like(model: nn.Module) -> nn.Module:
    """Gives every batch norm statistics of its own, as training would."""
    generator = torch.Generator().manual_seed(3)
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            shape = module.running_mean.shape
            module.running_mean.copy_(torch.randn(shape, generator=generator) / 10)
            module.running_var.copy_(torch.rand(shape, generator=generator) + 0.5)
            module.weight.data.copy_(torch.rand(shape, generator=generator) / 2 + 0.75)
            module.bias.data.copy_(torch.randn(shape, generator=generator) / 10)
    return model.eval()


def leaves(outputs: object) -> Iterator[torch.Tensor]:
    return (leaf for leaf in torch.utils._pytree.tree_leaves(outputs) if isinstance(leaf, torch.Tensor))


def check(model: nn.Module, side: int) -> None:
    model = trained_like(model)
    stream = saccade.incremental(model, threads=1)
    first = torch.randn(1, 3, side, side + 32, generator=torch.Generator().manual_seed(0))
    second = first.clone()
    second[..., 9:21, 30:41] = first[..., 9:21, 30:41].flip(3) + 0.5
    for frame in (first, second, first):
        output = stream(frame)
        with torch.no_grad():
            expected = model(frame)
        for given, wanted, dense in zip(leaves(output), leaves(expected), leaves(stream.dense(frame)), strict=True):
            assert given.shape == wanted.shape
            assert float((given - wanted).norm() / wanted.norm()) < 1e-4
            assert torch.equal(given, dense)
    assert type(output) is type(expected)


@pytest.mark.parametrize("name", sorted(CLASSIFIERS))
def test_a_torchvision_classifier_agrees_with_torch_and_its_own_dense_pass(name) -> None:
    torch.manual_seed(0)
    options = {"init_weights": False, "aux_logits": False} if name == "googlenet" else {}
    check(torchvision.models.get_model(name, weights=None, **options), CLASSIFIERS[name])


@pytest.mark.parametrize("name", sorted(SEGMENTERS))
def test_a_torchvision_segmenter_agrees_with_torch_and_its_own_dense_pass(name) -> None:
    torch.manual_seed(0)
    model = torchvision.models.get_model(name, weights=None, weights_backbone=None, num_classes=5)
    check(model, SEGMENTERS[name])


@pytest.mark.parametrize("name", sorted(TIMM))
def test_a_timm_network_agrees_with_torch_and_its_own_dense_pass(name) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        timm = pytest.importorskip("timm", reason="timm is not installed: pip install timm")
    if not timm.is_model(name):
        pytest.skip(f"this release of timm has no {name}")
    torch.manual_seed(0)
    check(timm.create_model(name, pretrained=False), TIMM[name])


@pytest.mark.parametrize("gate", ["abn", "asr", "bam", "cbam", "eca", "gala", "se"])
def test_a_gated_network_runs_natively_and_agrees_with_its_own_dense_pass(gate) -> None:
    torch.manual_seed(0)
    model = saccade.models.create("resnet18", gate=gate)
    check(model, 64)
    stream = saccade.incremental(model, threads=1)
    stream(torch.rand(1, 3, 64, 64))
    assert "fallback" not in {operator.kind for operator in stream.report().operators}


@pytest.mark.parametrize("start", ["paper", "identity"])
@pytest.mark.parametrize("kernel", ["dense", "separable"])
def test_a_network_with_das_gates_runs_natively_and_agrees_with_its_own_dense_pass(kernel, start) -> None:
    torch.manual_seed(0)
    model = saccade.models.create("resnet18", gate="das", kernel=kernel, start=start)
    for module in model.modules():
        if isinstance(module, DeformableKernel):  # offsets and masks start at zero: let them look somewhere
            for predictor in (module.offset, module.mask):
                nn.init.normal_(predictor.weight, std=0.05)
                nn.init.normal_(predictor.bias)
    check(model, 64)
    stream = saccade.incremental(model, threads=1)
    stream(torch.rand(1, 3, 64, 64))
    assert "fallback" not in {operator.kind for operator in stream.report().operators}
