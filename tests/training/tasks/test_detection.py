"""Detectors: what they are made of, how they are measured, and that they train."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
import torch

from saccade.errors import DataError, RecipeError
from saccade.training import Recipe, recipes, train
from saccade.training.average_precision import average_precision, coco_metrics
from saccade.training.data.coco import CocoImages
from saccade.training.tasks import tasks

pytest.importorskip("pycocotools")


@pytest.fixture
def small() -> Recipe:
    return recipes.get("coco-faster-rcnn").replace(
        network="resnet18",
        classes=2,
        image_size=48,
        longer_side=64,
        batch=2,
        epochs=2,
        workers=0,
        learning_rate=0.001,
        proposals=16,
        evaluate_every=0,
    )


class Oracle(torch.nn.Module):
    """Returns the true boxes of the images in order, shifted, with a score each."""

    def __init__(self, images: CocoImages, shift: float) -> None:
        super().__init__()
        self.targets = [images.target(number) for number in images.numbers]
        self.shift = shift

    def forward(self, pictures: list[torch.Tensor]) -> list[dict[str, torch.Tensor]]:
        own, self.targets = self.targets[: len(pictures)], self.targets[len(pictures) :]
        return [{**one, "boxes": one["boxes"] + self.shift, "scores": torch.ones(len(one["labels"]))} for one in own]


def test_true_boxes_have_full_precision_and_shifted_ones_less(boxes: Path) -> None:
    images = CocoImages(boxes, "test")
    exact = average_precision(Oracle(images, 0), images, torch.device("cpu"))
    assert exact.accuracy == pytest.approx(1)
    assert exact.metrics["AP50"] == pytest.approx(1)
    assert exact.metrics["APL"] == -1
    assert exact.loss is None
    shifted = average_precision(Oracle(images, 2), images, torch.device("cpu"))  # an IoU of 324 / 476 = 0.68
    assert shifted.metrics["AP50"] == pytest.approx(1)
    assert shifted.metrics["AP75"] == pytest.approx(0)
    assert shifted.accuracy == pytest.approx(0.4)  # at 0.5, 0.55, 0.6 and 0.65 of the ten thresholds


def test_no_detection_at_all_is_no_precision(boxes: Path) -> None:
    assert coco_metrics(CocoImages(boxes, "test"), [])["AP"] == 0


def test_a_detector_trains_and_goes_on_to_the_same_bits(boxes: Path, tmp_path: Path, small: Recipe) -> None:
    from safetensors.torch import load_file

    recipe = small.with_gate("das", options={"start": "identity"})

    def stop(told: object) -> None:
        if told.step == 1:
            raise KeyboardInterrupt

    whole = train(recipe, boxes, tmp_path / "whole", accelerator="cpu")
    assert whole.steps == 2
    assert 0 <= whole.accuracy <= 1
    assert whole.metrics["AP50"] >= whole.accuracy
    assert whole.gate_parameters > 0
    card = (tmp_path / "whole" / "report.md").read_text()
    assert f"after step 2: AP {100 * whole.accuracy:.2f} % on 3 test images, AP50" in card
    assert "for the largest image, 48 x 64 pixels" in card
    assert "Finds objects" in card
    assert not any(word in card for word in ("nats", "logits", "accuracy", "-100"))
    with pytest.raises(KeyboardInterrupt):
        train(recipe, boxes, tmp_path / "parts", accelerator="cpu", save_every=0, on_step=stop)
    train(recipe, boxes, tmp_path / "parts", accelerator="cpu", resume=True)
    first, second = (load_file(tmp_path / name / "last.safetensors") for name in ("whole", "parts"))
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_a_detector_starts_from_a_classifiers_weights_or_from_a_detectors(tmp_path: Path, small: Recipe) -> None:
    from saccade.training import build_network
    from saccade.training.checkpoint import save_weights

    task = tasks.get("detection")
    classifier = build_network(small.replace(task="classification", classes=1000).with_gate("das"))
    save_weights(tmp_path / "classifier.safetensors", classifier.state_dict(), {})
    warm = task.build(small.replace(pretrained=str(tmp_path / "classifier.safetensors")).with_gate("das"))
    assert torch.equal(warm.backbone.body.layer3[0].conv1.weight, classifier.layer3[0].conv1.weight)
    save_weights(tmp_path / "detector.safetensors", warm.state_dict(), {})
    again = task.build(small.replace(pretrained=str(tmp_path / "detector.safetensors")).with_gate("das"))
    state = warm.state_dict()
    assert all(torch.equal(value, state[name]) for name, value in again.state_dict().items())


def test_the_size_is_that_of_table_2() -> None:
    recipe = recipes.get("coco-faster-rcnn").with_gate("das")
    with torch.device("meta"):
        network = tasks.get("detection").build(recipe)
    size = tasks.get("detection").size(network, recipe)
    assert round(size.paper_parameters / 1e6, 1) == 43.0
    assert dataclasses.asdict(size)["macs"] > 1e11


def test_other_categories_and_images_to_hold_out_are_refused(boxes: Path, small: Recipe) -> None:
    load = tasks.get("detection").load
    with pytest.raises(DataError, match="classes=2"):
        load(small.replace(classes=80), boxes, None, None)
    with pytest.raises(RecipeError, match="holds no images out"):
        load(small.replace(validation=0.5), boxes, None, None)
