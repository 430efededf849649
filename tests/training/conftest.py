"""A tiny folder of images, and a recipe that trains on it in a second."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from torch import nn

from saccade.training import Recipe, networks

CLASSES = ("blue", "green", "red")
SIZE = 8


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Returns a data set of noisy squares, told apart by their colour: 12 to train on and 4 to test on a class."""
    root = tmp_path_factory.mktemp("squares")
    random = np.random.default_rng(0)
    for split, count in (("train", 12), ("test", 4)):
        for label, name in enumerate(CLASSES):
            (root / split / name).mkdir(parents=True)
            for index in range(count):
                pixels = random.integers(0, 120, (SIZE, SIZE, 3), dtype=np.uint8)
                pixels[..., 2 - label] += 120
                Image.fromarray(pixels).save(root / split / name / f"{index}.png")
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
