"""torchvision's detectors, whole, with their convolutional part run as a graph."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import torch.utils._pytree as pytree
import torchvision
from captured import captured, fallback_targets, relative_error, seeded

from saccade.capture import capture_module, convolutional_part
from saccade.capture.detector import DetectorParts
from saccade.errors import CaptureError
from saccade.graph import Graph
from saccade.kernels.reference import evaluate

NAMES = torchvision.models.list_models(module=torchvision.models.detection)
DEFAULT = {"fasterrcnn_mobilenet_v3_large_320_fpn", "retinanet_resnet50_fpn", "ssdlite320_mobilenet_v3_large"}
VARIANTS = [name if name in DEFAULT else pytest.param(name, marks=pytest.mark.slow) for name in NAMES]


def build(name: str) -> torch.nn.Module:
    sizes = {} if name.startswith("ssd") else {"min_size": 96, "max_size": 160}
    return seeded(torchvision.models.get_model(name, weights=None, weights_backbone=None, **sizes))


class Runs:
    """Runs a detector's convolutional part as a graph of each shape, and counts."""

    def __init__(self, parts: DetectorParts) -> None:
        self.parts = parts
        self.graphs: dict[tuple[int, ...], Graph] = {}
        self.count = 0

    def __call__(self, images: torch.Tensor) -> Any:
        self.count += 1
        shape = tuple(images.shape)
        if shape not in self.graphs:
            self.graphs[shape] = capture_module(self.parts.convolutional, (images,))
        graph = self.graphs[shape]
        return pytree.tree_unflatten(evaluate(graph, [images]), graph.output_tree)


@pytest.mark.parametrize("name", VARIANTS)
def test_convolutional_part_is_captured(name: str) -> None:
    parts = convolutional_part(build(name))
    assert parts is not None
    side = 320 if name.startswith("ssd") else 96
    graph = captured(parts.convolutional, torch.rand(1, 3, side, side))
    assert fallback_targets(graph) == set()


@pytest.mark.parametrize("name", ["fasterrcnn_mobilenet_v3_large_320_fpn", "retinanet_resnet50_fpn"])
def test_shell_behaves_as_the_detector_and_runs_once_a_frame(name: str) -> None:
    model = build(name)
    parts = convolutional_part(model)
    assert parts is not None
    runs = Runs(parts)
    shell = parts.shell(runs)
    images = [torch.rand(3, 96, 128)]
    with torch.no_grad():
        expected = model(images)
        given = shell(images)
        again = shell(images)
    assert runs.count == 2
    for result in (given, again):
        for key, theirs in expected[0].items():
            assert result[0][key].shape == theirs.shape
            assert relative_error(result[0][key], theirs) < 1e-3


def test_detector_is_not_modified_by_its_shell() -> None:
    model = build("fasterrcnn_mobilenet_v3_large_320_fpn")
    backbone, head, modules = model.backbone, model.rpn.head, set(model.modules())
    parts = convolutional_part(model)
    assert parts is not None
    shell = parts.shell(parts.convolutional)
    assert model.backbone is backbone
    assert model.rpn.head is head
    assert set(model.modules()) == modules
    assert shell.rpn.head is not head
    assert shell.roi_heads is model.roi_heads


def test_shells_of_two_streams_do_not_meet() -> None:
    model = build("fasterrcnn_mobilenet_v3_large_320_fpn")
    parts = convolutional_part(model)
    assert parts is not None
    first, second = Runs(parts), Runs(parts)
    with torch.no_grad():
        parts.shell(first)([torch.rand(3, 96, 96)])
    assert (first.count, second.count) == (1, 0)


def test_head_called_before_the_backbone_is_refused() -> None:
    parts = convolutional_part(build("fasterrcnn_mobilenet_v3_large_320_fpn"))
    assert parts is not None
    with pytest.raises(CaptureError, match="before its backbone"):
        parts.shell(parts.convolutional).rpn.head([])


def test_classifier_is_no_detector() -> None:
    assert convolutional_part(torchvision.models.resnet18(weights=None)) is None
