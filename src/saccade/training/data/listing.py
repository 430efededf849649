"""What a data set's folder holds, and every layout of such a folder by name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from saccade.graph.registry import Registry

Told = Callable[[int, int], None]
"""Called with how much of a download is there and how much there is, in bytes."""


@dataclass(frozen=True)
class Listing:
    """The image files of one split.

    Attributes:
        files: where they are.
        labels: the class of each, from 0.
        classes: names, by label.
        boxes: of each image's object, (left, top, right, bottom) in pixels; empty where not asked for.
    """

    files: tuple[Path, ...]
    labels: tuple[int, ...]
    classes: tuple[str, ...]
    boxes: tuple[tuple[int, int, int, int], ...] = ()


@dataclass(frozen=True)
class Decoded:
    """The images of one split that are there as numbers already.

    Attributes:
        pixels: (N, H, W, 3) uint8, RGB.
        labels: the class of each, from 0.
        classes: names, by label.
    """

    pixels: npt.NDArray[np.uint8]
    labels: tuple[int, ...]
    classes: tuple[str, ...]


@dataclass(frozen=True)
class DataSet:
    """A layout of a data folder.

    Attributes:
        images: takes the folder and "train" or "test"; returns the split's files, or its pixels; raises DataError
            where they are not there, and says how to get them.
        prepare: takes the folder, whether to download, and whom to tell how far; unpacks archives that lie in the
            folder, and fetches them first when told to. None where there is nothing to do.
    """

    images: Callable[[Path, str], Listing | Decoded]
    prepare: Callable[[Path, bool, Told | None], None] | None = None


data_sets: Registry[DataSet] = Registry("data set")
"""Every layout of a folder of classified images, by the name that recipes give."""
