"""One small network of each of timm's convolutional families."""

from __future__ import annotations

import pytest
import torch
from captured import captured, fallback_targets, seeded

timm = pytest.importorskip("timm", reason="timm is not installed")

NATIVE = [
    "convnext_atto",
    "convnextv2_atto",
    "cspdarknet53",
    "densenet121",
    "dla34",
    "dm_nfnet_f0",
    "eca_nfnet_l0",
    "ecaresnet26t",
    "efficientnet_b0",
    "fastvit_t8",
    "ghostnet_100",
    "hrnet_w18_small",
    "lcnet_050",
    "mobilenetv3_small_100",
    "mobilenetv4_conv_small",
    "nf_regnet_b0",
    "regnety_002",
    "repvgg_a0",
    "resnet18",
    "resnetv2_50",
    "seresnet18",
    "tf_efficientnet_b0",
    "vgg11_bn",
]
SLOW = {
    "cspdarknet53",
    "densenet121",
    "dm_nfnet_f0",
    "fastvit_t8",
    "hrnet_w18_small",
    "resnetv2_50",
    "tf_efficientnet_b0",
}
WITH_FALLBACKS = {
    "poolformer_s12": {"aten.group_norm.default"},
    "resnetv2_50x1_bit": {"aten.group_norm.default"},
    "skresnet18": {"aten.mul.Tensor", "aten.softmax.int", "aten.sum.dim_IntList"},
}


def build(name: str) -> torch.nn.Module:
    """Returns a model with random weights."""
    return seeded(timm.create_model(name, pretrained=False))


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.slow) if name in SLOW else name for name in NATIVE]
)
def test_network_is_captured_without_fallbacks(name: str) -> None:
    graph = captured(build(name), torch.rand(1, 3, 64, 64))
    assert fallback_targets(graph) == set()


@pytest.mark.slow
@pytest.mark.parametrize("name", WITH_FALLBACKS)
def test_network_with_foreign_operators_falls_back_for_these_only(name: str) -> None:
    graph = captured(build(name), torch.rand(1, 3, 64, 64))
    assert fallback_targets(graph) <= WITH_FALLBACKS[name]
