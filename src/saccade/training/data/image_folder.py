"""A folder a split, in it a folder a class, in it images."""

from __future__ import annotations

import os
from pathlib import Path

from saccade.errors import DataError
from saccade.training.data.listing import DataSet, Listing, data_sets

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".webp", ".ppm", ".tif", ".tiff")
SPLITS = {"train": ("train",), "test": ("test", "val")}
"""Names that a split's folder may have."""


def image_folder(folder: Path, split: str) -> Listing:
    """Returns the images of ``folder/split/CLASS/*``; the test images may also lie in ``val``.

    Raises:
        DataError: a folder is missing or empty, or there are fewer than two classes.
    """
    names = SPLITS[split]
    root = next((folder / name for name in names if (folder / name).is_dir()), folder / names[0])
    return classes_of(
        root,
        f"expected one folder a class in {str(folder / 'train')!r} and {str(folder / 'test')!r}: give --data "
        f"the folder that a data set was unpacked to (for CIFAR-100, an archive of its images in class folders)",
    )


def classes_of(root: Path, advice: str) -> Listing:
    """Returns the images of ``root/CLASS/*``, both sorted by name.

    Args:
        root: the split's folder.
        advice: what was expected and what to do, for the message when it is missing.

    Raises:
        DataError: it is missing, has fewer than two classes, or one without an image.
    """
    if not root.is_dir():
        raise DataError(f"no images at {str(root)!r}; {advice}")
    classes = sorted(entry.name for entry in os.scandir(root) if entry.is_dir() and not entry.name.startswith("."))
    if len(classes) < 2:
        raise DataError(f"{len(classes)} class folder(s) in {str(root)!r}; expected at least 2, with images in each")
    files: list[Path] = []
    labels: list[int] = []
    for label, name in enumerate(classes):
        found = sorted(path for path in (root / name).iterdir() if path.suffix.lower() in SUFFIXES)
        if not found:
            raise DataError(f"no image in {str(root / name)!r}; expected files ending in {', '.join(SUFFIXES)}")
        files += found
        labels += [label] * len(found)
    return Listing(tuple(files), tuple(labels), tuple(classes))


data_sets.register("image-folder")(DataSet(image_folder))
