"""Every classifier and segmenter of torchvision's registry."""

from __future__ import annotations

import pytest
import torch
import torchvision
from captured import captured, fallback_targets, seeded

CLASSIFIERS = torchvision.models.list_models(module=torchvision.models)
SEGMENTERS = torchvision.models.list_models(module=torchvision.models.segmentation)
TRANSFORMERS = ("vit_", "swin_", "maxvit")
ONE_PER_FAMILY = {
    "alexnet",
    "convnext_tiny",
    "deeplabv3_mobilenet_v3_large",
    "densenet121",
    "efficientnet_b0",
    "efficientnet_v2_s",
    "fcn_resnet50",
    "googlenet",
    "inception_v3",
    "lraspp_mobilenet_v3_large",
    "mnasnet0_5",
    "mobilenet_v2",
    "mobilenet_v3_small",
    "regnet_x_400mf",
    "regnet_y_400mf",
    "resnet18",
    "resnet50",
    "resnext50_32x4d",
    "shufflenet_v2_x0_5",
    "squeezenet1_0",
    "swin_t",
    "vgg11_bn",
}


def variants(names: list[str]) -> list[object]:
    """Returns the names as parameters, all but one of each family marked slow."""
    return [name if name in ONE_PER_FAMILY else pytest.param(name, marks=pytest.mark.slow) for name in names]


def build(name: str) -> tuple[torch.nn.Module, torch.Tensor]:
    """Returns a model with random weights and a small input that fits it."""
    options: dict[str, object] = {"weights": None}
    if name in SEGMENTERS:
        options["weights_backbone"] = None
    if name in ("googlenet", "inception_v3"):
        options["init_weights"] = False
    side = 224 if name.startswith(("vit_", "maxvit")) else 75 if name == "inception_v3" else 64
    if name == "vit_h_14":
        side = 224
    return seeded(torchvision.models.get_model(name, **options)), torch.rand(1, 3, side, side)


@pytest.mark.parametrize("name", variants([name for name in CLASSIFIERS if not name.startswith(TRANSFORMERS)]))
def test_classifier_is_captured_without_fallbacks(name: str) -> None:
    model, image = build(name)
    graph = captured(model, image)
    assert fallback_targets(graph) == set()


@pytest.mark.parametrize("name", variants([name for name in CLASSIFIERS if name.startswith(TRANSFORMERS)]))
def test_transformer_is_captured_with_fallbacks_that_say_why(name: str) -> None:
    model, image = build(name)
    graph = captured(model, image)
    assert all(operator.reason for operator in graph.fallbacks())


@pytest.mark.parametrize("name", variants(SEGMENTERS))
def test_segmenter_is_captured_without_fallbacks(name: str) -> None:
    model, image = build(name)
    graph = captured(model, image)
    assert fallback_targets(graph) == set()
