"""Images with boxes in COCO's format."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch

from saccade.errors import DataError
from saccade.training.data.coco import CocoImages

pytest.importorskip("pycocotools")


def test_boxes_are_corners_and_labels_have_no_gaps(boxes: Path) -> None:
    images = CocoImages(boxes, "test")
    assert images.classes == ("red", "blue")
    target = images.target(11)
    assert target["boxes"].tolist() == [[4, 10, 24, 30], [34, 10, 54, 30]]
    assert target["labels"].tolist() == [2, 1]


def test_images_without_boxes_crowds_and_flat_boxes_are_left_out_of_training(boxes: Path) -> None:
    images = CocoImages(boxes, "train")
    assert images.numbers == [10, 11, 12]
    assert images.target(10)["boxes"].tolist() == [[4, 6, 24, 26]]


def test_a_mirrored_image_has_mirrored_boxes(boxes: Path) -> None:
    images = CocoImages(boxes, "train")
    seen = set()
    for seed in range(12):
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            picture, target = images.drawn(0)
        left, top, right, bottom = target["boxes"][0].int().tolist()
        seen.add(left)
        assert (picture[:, top:bottom, left:right] >= 0).all()
        assert (picture[0, top:bottom, left:right] == 250).all()
        assert (picture[0, :, left - 1] < 60).all()
        assert (picture[0, :, right] < 60).all()
    assert seen == {4, 40}


def test_missing_files_are_told_with_where_to_get_them(tmp_path: Path, boxes: Path) -> None:
    with pytest.raises(DataError, match=r"instances_train2017\.json.*cocodataset\.org"):
        CocoImages(tmp_path, "train")
    shutil.copytree(boxes / "annotations", tmp_path / "annotations")
    with pytest.raises(DataError, match="not its images"):
        CocoImages(tmp_path, "train")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda content: content["images"][0].update(file_name="../../secret.png"), r"outside of its folder"),
        (lambda content: content["annotations"][0].update(category_id=5), r"no category of annotation 1"),
        (lambda content: content["images"][0].pop("file_name"), r"not in COCO's format"),
        (lambda content: content.update(annotations=[]), r"no image with a box"),
    ],
)
def test_damaged_annotations_are_told(tmp_path: Path, boxes: Path, change: object, message: str) -> None:
    (tmp_path / "annotations").mkdir()
    (tmp_path / "train").mkdir()
    content = json.loads((boxes / "annotations" / "instances_train.json").read_text())
    change(content)
    (tmp_path / "annotations" / "instances_train.json").write_text(json.dumps(content))
    with pytest.raises(DataError, match=message):
        CocoImages(tmp_path, "train")
