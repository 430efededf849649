"""Metrics by name, by function, and what they say."""

from __future__ import annotations

import math
import sys
from pathlib import Path

import pytest
import torch

from saccade.agreement import Metric, fitting_metric, metrics, resolve_metric
from saccade.errors import MetricError, RegistryError


def boxes(*corners: tuple[float, ...], scores: float = 0.9, label: int = 1) -> list[dict[str, torch.Tensor]]:
    count = len(corners)
    tensor = torch.tensor(corners, dtype=torch.float32).reshape(count, 4)
    return [{"boxes": tensor, "labels": torch.full((count,), label), "scores": torch.full((count,), scores)}]


def test_the_known_metrics_are_those_of_the_documentation() -> None:
    assert metrics.names() == ["detections", "masks", "raw", "top1"]


def test_raw_is_the_largest_relative_error_and_at_most_one() -> None:
    raw = resolve_metric("raw")
    right = {"a": torch.tensor([3.0, 4.0]), "b": torch.ones(4)}
    assert raw(right, {"a": torch.tensor([3.0, 4.5]), "b": torch.ones(4)}) == pytest.approx(0.1)
    assert raw(right, {"a": torch.tensor([90.0, 4.0]), "b": torch.ones(4)}) == 1.0
    assert raw(right, {"a": torch.tensor([3.0, 4.0])}) == 1.0
    assert raw(right, right) == 0.0


def test_top1_counts_pictures_and_places_of_another_class() -> None:
    top1 = resolve_metric("top1")
    scores = torch.eye(4)
    assert top1(scores, scores.roll(1, 0)) == 1.0
    assert top1(scores, scores[[0, 1, 2, 2]]) == 0.25
    places = torch.zeros(1, 2, 2, 4)
    places[:, 0] = 1
    other = places.clone()
    other[0, 1, 0, 0] = 2
    assert top1(places, other) == 1 / 8
    assert top1({"out": places, "aux": torch.rand(1, 2, 9, 9)}, {"out": other, "aux": torch.rand(1, 2, 9, 9)}) == 1 / 8


def test_detections_are_one_minus_f1_of_what_is_matched() -> None:
    metric = resolve_metric("detections")
    right = boxes((0, 0, 10, 10), (20, 20, 30, 30))
    assert metric(right, right) == 0.0
    assert metric(right, boxes((0, 0, 10, 9))) == pytest.approx(1 - 2 / 3)
    assert metric(right, boxes()) == 1.0
    assert metric(boxes(), boxes()) == 0.0
    assert metric(right, boxes((0, 0, 10, 10), (20, 20, 30, 30), label=2)) == 1.0
    assert metric(right, boxes((0, 0, 10, 10), (20, 20, 30, 30), scores=0.4)) == 1.0
    assert metric(right + right, right + boxes()) == 0.5


def test_masks_of_classes_are_judged_by_intersection_over_union() -> None:
    masks = resolve_metric("masks")
    scores = torch.zeros(1, 3, 2, 4)
    scores[:, 0] = 1
    scores[0, 1, :, :2] = 2
    other = scores.clone()
    other[0, 1, 0, 0] = 0
    # Class 0: 4 of 5 places, class 1: 3 of 4; class 2 occurs nowhere.
    assert masks(scores, other) == pytest.approx(1 - (4 / 5 + 3 / 4) / 2)
    assert masks({"out": scores}, {"out": scores}) == 0.0


def test_masks_of_finds_are_judged_by_panoptic_quality() -> None:
    def find(rows: int) -> list[dict[str, torch.Tensor]]:
        (picture,) = boxes((0, 0, 4, 4))
        mask = torch.zeros(1, 1, 4, 4)
        mask[:, :, :rows] = 0.9
        return [{**picture, "masks": mask}]

    masks = resolve_metric("masks")
    assert masks(find(4), find(3)) == pytest.approx(0.25)
    assert masks(find(4), find(1)) == 1.0


def test_a_function_is_a_metric_with_its_name() -> None:
    metric = resolve_metric(lambda reference, outputs: 0.5)
    assert isinstance(metric, Metric)
    assert resolve_metric(metric) is metric
    assert metric(1, 2) == 0.5


def test_a_function_of_a_module_in_the_folder_is_a_metric(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "folder_metrics.py").write_text("def half(reference, outputs):\n    return 0.5\nnumber = 3\n")
    monkeypatch.chdir(tmp_path)
    metric = resolve_metric("folder_metrics:half")
    assert (metric.name, metric(None, None)) == ("folder_metrics:half", 0.5)
    with pytest.raises(MetricError, match="has no function 'number'; it has half"):
        resolve_metric("folder_metrics:number")
    (tmp_path / "leaving_metrics.py").write_text("raise SystemExit(3)\n")
    with pytest.raises(MetricError, match=r"importing 'leaving_metrics' failed \(SystemExit: 3\)"):
        resolve_metric("leaving_metrics:half")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("topp1", "unknown metric 'topp1'; known: detections, masks, raw, top1, or module:function"),
        ("no_such_module_here:f", "importing 'no_such_module_here' failed"),
        ("top1:5", "takes nothing behind its name"),
        ("", "unknown metric ''"),
        (":f", "unknown metric ':f'"),
        (3, "a int was given as a metric"),
    ],
)
def test_a_text_that_is_no_metric_is_refused(text: object, told: str) -> None:
    with pytest.raises(MetricError) as refused:
        resolve_metric(text)  # type: ignore[arg-type]
    assert told in str(refused.value)


def test_an_unknown_decoder_is_refused_before_anything_is_measured() -> None:
    with pytest.raises(RegistryError, match="known: fastestdet, torchvision, ultraface"):
        resolve_metric("detections:yolo")


def test_a_metric_that_raises_or_answers_nonsense_is_one_error() -> None:
    def broken(reference: object, outputs: object) -> float:
        raise KeyError("boxes")

    with pytest.raises(MetricError, match=r"'broken' raised KeyError: 'boxes'; .*a tensor \(1, 2\)"):
        resolve_metric(broken)(torch.ones(1, 2), torch.ones(1, 2))
    with pytest.raises(MetricError, match=r"the metric .* raised SystemExit: 3"):
        resolve_metric(lambda reference, outputs: sys.exit(3))(0, 0)
    for answer in (-0.1, 1.1, math.nan, "much"):
        with pytest.raises(MetricError):
            resolve_metric(lambda reference, outputs, answer=answer: answer)(0, 0)  # type: ignore[misc]


@pytest.mark.parametrize("name", ["top1", "detections", "masks", "detections:fastestdet"])
def test_a_metric_that_does_not_suit_the_outputs_says_what_they_are(name: str) -> None:
    outputs = (torch.ones(1, 7), torch.ones(3))
    with pytest.raises(MetricError, match=r"0 \(1, 7\), 1 \(3,\)"):
        resolve_metric(name)(outputs, outputs)


def test_the_fitting_metric_is_told_by_the_outputs() -> None:
    assert fitting_metric(torch.rand(2, 10)).name == "top1"
    assert fitting_metric({"out": torch.rand(1, 3, 8, 8)}).name == "masks"
    assert fitting_metric(boxes((0, 0, 1, 1))).name == "detections"
    assert fitting_metric(torch.rand(1, 3, 8, 8)).name == "raw"
    assert fitting_metric((torch.rand(1, 3), torch.rand(2))).name == "raw"
