"""A folder of images, one sub-folder a class, read once into arrays that are mapped into memory.

The arrays are what training reads: no file is opened and nothing decoded between two steps, several processes share
one copy, and only what is used stays in memory.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from saccade.errors import DataError
from saccade.training.data.image_folder import image_folder
from saccade.training.data.listing import Listing

if TYPE_CHECKING:
    from PIL import Image

CACHE = ".saccade-cache"

Progress = Callable[[int, int], None]
"""Called with how many images are read, and how many there are."""


@dataclass(frozen=True)
class Images:
    """Images of one split, decoded.

    Attributes:
        pixels: (N, H, W, 3) uint8, RGB, mapped from a file.
        labels: (N,) int64.
        classes: names of the classes, by label.
    """

    pixels: npt.NDArray[np.uint8]
    labels: Tensor
    classes: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.pixels)

    def at(self, indices: Tensor) -> tuple[Tensor, Tensor]:
        """Returns the images (N, H, W, 3) uint8 and labels (N,) at some indices (N,) int64."""
        return torch.from_numpy(self.pixels[indices.numpy()]), self.labels[indices]


def load_images(
    folder: Path, split: str, size: int, cache: Path | None = None, progress: Progress | None = None
) -> Images:
    """Returns the images of ``folder/split/CLASS/*``; decodes them on the first call and maps them on later ones.

    Args:
        folder: the data set's folder, with one sub-folder a split.
        split: "train" or "test".
        size: height and width in pixels; images of another size are resized to it.
        cache: folder for the arrays; by default ".saccade-cache" in the data set's folder.
        progress: told how far reading has come.

    Raises:
        DataError: a folder is missing or empty, has fewer than two classes, or an image cannot be read; or the cache
            cannot be written.
    """
    return cached_images(image_folder(folder, split), folder, split, size, cache, progress)


def cached_images(
    listing: Listing, folder: Path, split: str, size: int, cache: Path | None = None, progress: Progress | None = None
) -> Images:
    """Returns the images of a listing; decodes them on the first call and maps them on later ones.

    Args:
        listing: the files.
        folder: the data set's folder.
        split: names the array.
        size: height and width in pixels; images of another size are resized to it.
        cache: folder for the arrays; by default ".saccade-cache" in the data set's folder.
        progress: told how far reading has come.

    Raises:
        DataError: an image cannot be read, or the cache cannot be written.
    """
    root = folder / CACHE if cache is None else cache
    array = root / f"{split}-{size}-{_fingerprint(folder, listing.files)}.npy"
    if not array.is_file():
        try:
            root.mkdir(parents=True, exist_ok=True)
            _write(array, listing.files, size, progress)
        except OSError as error:
            raise DataError(
                f"cannot write the decoded images to {str(root)!r}: {error.strerror}; give another folder for them "
                "that has room (--cache)"
            ) from error
    return Images(np.load(array, mmap_mode="r"), torch.tensor(listing.labels), listing.classes)


def _fingerprint(folder: Path, files: Sequence[Path]) -> str:
    """Returns digits that differ when a file was added, taken away or written anew."""
    digest = hashlib.sha256()
    for path in files:
        status = path.stat()
        digest.update(json.dumps([str(path.relative_to(folder)), status.st_size, status.st_mtime_ns]).encode())
    return digest.hexdigest()[:16]


def _write(array: Path, files: Sequence[Path], size: int, progress: Progress | None) -> None:
    """Decodes images into one file, complete or not at all."""
    partial = array.with_name(f".{array.name}.{os.getpid()}.partial")
    shape = (len(files), size, size, 3)
    try:
        with partial.open("wb") as file:
            np.lib.format.write_array_header_1_0(file, {"descr": "|u1", "fortran_order": False, "shape": shape})
            for index, path in enumerate(files):
                file.write(_decoded(path, size).tobytes())
                if progress is not None and (index % 500 == 499 or index + 1 == len(files)):
                    progress(index + 1, len(files))
        os.replace(partial, array)
    finally:
        partial.unlink(missing_ok=True)


def open_image(path: Path) -> Image.Image:
    """Returns the image of a file in RGB.

    Raises:
        DataError: it cannot be read as one.
    """
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(path) as image:
            picture: Image.Image = image.convert("RGB")
    except (UnidentifiedImageError, OSError, ValueError, Image.DecompressionBombError) as error:
        raise DataError(f"{str(path)!r} is not an image that can be read: {error}; replace or remove it") from error
    return picture


def _decoded(path: Path, size: int) -> npt.NDArray[np.uint8]:
    from PIL import Image

    picture = open_image(path)
    if picture.size != (size, size):
        picture = picture.resize((size, size), Image.Resampling.BILINEAR)
    return np.asarray(picture, dtype=np.uint8)
