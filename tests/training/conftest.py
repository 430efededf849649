"""A tiny folder of images, and a recipe that trains on it in a second."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from torch import nn

from saccade.training import Recipe, networks

CLASSES = ("blue", "green", "red")
SIZE = 8


def _files(root: Path, counts: dict[str, int], ending: str) -> Iterator[tuple[Path, int]]:
    """Makes the folders of each split's classes and yields so many files of each class, with its number."""
    for split, count in counts.items():
        for label, name in enumerate(CLASSES):
            (root / split / name).mkdir(parents=True)
            for index in range(count):
                yield root / split / name / f"{index}.{ending}", label


def _coloured(random: np.random.Generator, height: int, width: int, label: int) -> Image.Image:
    """Returns noise in the colour of a class."""
    pixels = random.integers(0, 120, (height, width, 3), dtype=np.uint8)
    pixels[..., 2 - label] += 120
    return Image.fromarray(pixels)


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Returns a data set of noisy squares, told apart by their colour: 12 to train on and 4 to test on a class."""
    root = tmp_path_factory.mktemp("squares")
    random = np.random.default_rng(0)
    for path, label in _files(root, {"train": 12, "test": 4}, "png"):
        _coloured(random, SIZE, SIZE, label).save(path)
    return root


@pytest.fixture
def recipe() -> Recipe:
    return Recipe(
        name="tiny",
        network="cifar-resnet8",
        width=4,
        classes=3,
        image_size=SIZE,
        epochs=4,
        batch=8,
        learning_rate=0.05,
        schedule="one-cycle",
        warm_up=0.25,
        crop_padding=1,
    )


@pytest.fixture(scope="session")
def photographs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Returns a data set of JPEG files of several sizes, told apart by their colour: 6 to train on and 3 to test on."""
    root = tmp_path_factory.mktemp("photographs")
    random = np.random.default_rng(1)
    for path, label in _files(root, {"train": 6, "val": 3}, "JPEG"):
        _coloured(random, *random.integers(40, 60, 2), label).save(path, quality=95)
    return root


@pytest.fixture(scope="session")
def boxes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Returns a data set in COCO's format: bright squares on noise, of categories 3 and 7, one or two an image.

    Four images to train on, of which one has no box and one has a crowd and a box without area besides; three to test.
    """
    root = tmp_path_factory.mktemp("boxes")
    random = np.random.default_rng(2)
    (root / "annotations").mkdir()
    for split, count in (("train", 4), ("val", 3)):
        (root / split).mkdir()
        images, annotations = [], []
        for number in range(count):
            pixels = random.integers(0, 60, (48, 64, 3), dtype=np.uint8)
            name = f"{number:06}.png"
            images.append({"id": 10 + number, "file_name": name, "height": 48, "width": 64})
            for index in range(0 if split == "train" and number == 3 else 1 + number % 2):
                x, y, side = 4 + 30 * index, 6 + 4 * number, 20
                category = (3, 7)[(number + index) % 2]
                pixels[y : y + side, x : x + side, 0 if category == 3 else 2] = 250
                annotations.append({"image_id": 10 + number, "category_id": category, "bbox": [x, y, side, side],
                                    "area": side * side, "iscrowd": 0})  # fmt: skip
            if split == "train" and number == 0:
                crowd = {"image_id": 10, "category_id": 3, "bbox": [0, 0, 64, 48], "area": 3072, "iscrowd": 1,
                         "segmentation": {"counts": [3072], "size": [48, 64]}}  # fmt: skip
                flat = {"image_id": 10, "category_id": 3, "bbox": [5, 5, 0, 10], "area": 0, "iscrowd": 0}
                annotations += [crowd, flat]
            Image.fromarray(pixels).save(root / split / name)
        for number, annotation in enumerate(annotations, 1):
            annotation["id"] = number
        categories = [{"id": 3, "name": "red"}, {"id": 7, "name": "blue"}]
        content = {"images": images, "annotations": annotations, "categories": categories}
        (root / "annotations" / f"instances_{split}.json").write_text(json.dumps(content))
    return root


def _without_statistics(recipe: Recipe) -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(3, 4, 3, 1, 1), nn.ReLU(), nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(16, recipe.classes)
    )


@pytest.fixture
def plain(recipe: Recipe) -> Recipe:
    """Returns a recipe of a network in which no image sees another one."""
    if "without-statistics" not in networks:
        networks.register("without-statistics")(_without_statistics)
    return recipe.replace(network="without-statistics", epochs=2)
