"""A folder of images as a source of frames."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from saccade.errors import SourceError
from saccade.video.frame import Frame, FrameSource

SUFFIXES = (".bmp", ".jpeg", ".jpg", ".png", ".webp")
NAMED = 5
"""Unreadable images that a message names."""


class FolderSource(FrameSource):
    """The images of a folder, in the order of their names, upright as their EXIF data tells.

    One that cannot be read is left out, and ``truncated`` tells of it.

    Args:
        path: the folder; files that are not images by their suffix are passed over.
        frame_rate: frames per second that the images stand for.

    Raises:
        SourceError: when the folder holds no image, or none that can be read.
    """

    def __init__(self, path: Path, frame_rate: float) -> None:
        self.name = str(path)
        self.frame_rate = frame_rate
        try:
            self._files = sorted(file for file in path.iterdir() if file.suffix.lower() in SUFFIXES)
        except OSError as error:
            raise SourceError(f"cannot read the folder {self.name!r}: {error.strerror}") from error
        if not self._files:
            raise SourceError(
                f"the folder {self.name!r} holds no image: expected files ending in {', '.join(SUFFIXES)}"
            )
        self.frames_expected = len(self._files)
        self.size = self._size_of_the_first()

    def __iter__(self) -> Iterator[Frame]:
        assert self.frame_rate is not None
        unreadable: list[str] = []
        for index, file in enumerate(self._files):
            try:
                rgb = _read(file)
            except SourceError:
                unreadable.append(file.name)
                self.truncated = self._what_is_missing(unreadable)
                continue
            yield Frame(index, index / self.frame_rate, rgb)

    def _size_of_the_first(self) -> tuple[int, int]:
        for file in self._files:
            try:
                height, width = _read(file).shape[:2]
            except SourceError:
                continue
            return height, width
        raise SourceError(
            f"none of the {len(self._files)} images in {self.name!r}, {self._files[0].name!r} among them, can be read; "
            "replace them"
        )

    def _what_is_missing(self, unreadable: list[str]) -> str:
        count = f"{len(unreadable)} of the {len(self._files)} images in {self.name!r}"
        names = ", ".join(unreadable[:NAMED]) + (", ..." if len(unreadable) > NAMED else "")
        return f"{count} could not be read and were left out: {names}; replace or remove what is broken"

    def close(self) -> None:
        """Does nothing: each image is closed as soon as it is read."""


def _read(file: Path) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    """Returns an image upright; damaged EXIF data counts as none."""
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", category=UserWarning, module="PIL")
            with Image.open(file) as image:
                return np.asarray(ImageOps.exif_transpose(image).convert("RGB"), dtype=np.uint8)
    except (UnidentifiedImageError, Image.DecompressionBombError, OSError, SyntaxError, ValueError) as error:
        raise SourceError(f"{str(file)!r} is not an image that can be read; replace or remove it") from error
