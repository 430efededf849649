"""Small networks and photographs with known contents."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn


class PlainClassifier(nn.Module):
    """A classifier whose Grad-CAM can be worked out by hand: logits are weighted means of the features."""

    def __init__(self, features: nn.Module, weight: list[list[float]], after: nn.Module | None = None) -> None:
        super().__init__()
        self.features, self.after = features, after or nn.Identity()
        self.head = nn.Linear(len(weight[0]), len(weight), bias=False)
        with torch.no_grad():
            self.head.weight.copy_(torch.tensor(weight))

    def forward(self, frames: torch.Tensor) -> torch.Tensor:
        return self.head(self.after(self.features(frames)).mean((2, 3)))


@pytest.fixture
def staged() -> nn.Module:
    """Returns a classifier of 5 classes with three stages, at strides 2, 4 and 8, in training mode."""
    torch.manual_seed(0)

    def stage(inputs: int, outputs: int) -> nn.Module:
        return nn.Sequential(nn.Conv2d(inputs, outputs, 3, 2, 1), nn.BatchNorm2d(outputs), nn.ReLU(inplace=True))

    return nn.Sequential(
        stage(3, 8), stage(8, 12), stage(12, 16), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(16, 5)
    )


@pytest.fixture
def save(tmp_path: Path) -> Callable[..., Path]:
    """Returns a function that saves an array as an image and returns its path."""

    def write(array: np.ndarray, name: str = "photograph.png", mode: str | None = None, **options: object) -> Path:
        path = tmp_path / name
        image = Image.fromarray(array)
        (image if mode is None else image.convert(mode)).save(path, **options)
        return path

    return write
