"""The photographs that are explained, and what is known of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from saccade.errors import RegionError
from saccade.explain import Framing, LabelsFile, find_mask, read_mask, read_photograph

_SHOWN = 320
"""Pixels that a picture of a photograph has at least a side."""

Find = Callable[[npt.NDArray[np.uint8], str], npt.NDArray[np.bool_]]


@dataclass(frozen=True)
class Photograph:
    """A photograph as the networks see it.

    Attributes:
        path: its file.
        name: what its results are called, different for each photograph of a run.
        picture: (H, W, 3) uint8, framed.
        region: (H, W) bool, framed: where it shows what it is an image of; None where that is not known.
        shown: (k * H, k * W, 3) uint8, the same part at least as large as pictures need it.
        shown_region: (k * H, k * W) bool, likewise, or None.
        category: the class that it shows, by index or name; None where that is not known.
    """

    path: Path
    name: str
    picture: npt.NDArray[np.uint8]
    region: npt.NDArray[np.bool_] | None
    shown: npt.NDArray[np.uint8]
    shown_region: npt.NDArray[np.bool_] | None
    category: int | str | None


@dataclass(frozen=True)
class Knowledge:
    """Where what is known of the photographs comes from; any may be None.

    Attributes:
        category: the class that all of them show.
        labels: classes and boxes.
        masks: a folder of masks, or the mask of a single photograph.
        find: finds what words name in a picture.
        words: what to look for instead of the class's name.
        name_of: from a class to the name that is looked for.
    """

    category: str | None = None
    labels: LabelsFile | None = None
    masks: Path | None = None
    find: Find | None = None
    words: str | None = None
    name_of: Callable[[int | str], str] = str


def read_photographs(paths: Sequence[Path], framing: Framing, knowledge: Knowledge) -> list[Photograph]:
    """Reads photographs and what is known of them.

    Raises:
        PhotographError: one is missing or is no image.
        RegionError: a mask or a label is missing or does not fit.
    """
    if knowledge.masks is not None and not knowledge.masks.is_dir() and len(paths) > 1:
        _refuse_one_mask(knowledge.masks, len(paths))
    found, larger = [], framing.enlarged(_SHOWN)
    for path, name in zip(paths, _names(paths), strict=True):
        rgb = read_photograph(path)
        label = knowledge.labels.of(path) if knowledge.labels is not None else None
        category = knowledge.category if knowledge.category is not None else (label.category if label else None)
        region = _region(path, rgb, category, knowledge)
        regions = [None if region is None else each.region(region) for each in (framing, larger)]
        found.append(
            Photograph(path, name, framing.picture(rgb), regions[0], larger.picture(rgb), regions[1], category)
        )
    return found


def _region(
    path: Path, rgb: npt.NDArray[np.uint8], category: int | str | None, knowledge: Knowledge
) -> npt.NDArray[np.bool_] | None:
    size = (rgb.shape[0], rgb.shape[1])
    if knowledge.masks is not None:
        mask = find_mask(knowledge.masks, path) if knowledge.masks.is_dir() else knowledge.masks
        return read_mask(mask, size)
    if knowledge.find is not None:
        if knowledge.words is None and category is None:
            raise RegionError(
                f"nothing says what to look for in {str(path)!r}; give --words, or its class with --class or --labels"
            )
        words = knowledge.words if knowledge.words is not None else knowledge.name_of(category or 0)
        return knowledge.find(rgb, words)
    return knowledge.labels.of(path).region(size) if knowledge.labels is not None else None


def _refuse_one_mask(masks: Path, count: int) -> None:
    if masks.exists():
        raise RegionError(f"{str(masks)!r} is one mask for {count} images; give a folder of masks named as the images")
    raise RegionError(f"no folder of masks at {str(masks)!r}; check the path")


def _names(paths: Sequence[Path]) -> list[str]:
    """Returns a name for each file, its own where that is not taken."""
    names: list[str] = []
    for path in paths:
        name, number = path.stem, 2
        while name in names:
            name, number = f"{path.stem}-{number}", number + 1
        names.append(name)
    return names
