"""Changed regions of a picture: the paper's second demonstration, which runs a network on boxes only.

Source: Borji 2024, the notebook beside the paper: grey values that differ by more than 100, connected regions of more
than 500 pixels, boxes grown by 3.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import scipy.ndimage

from saccade.policy.fields import check_number, check_whole

LUMA = (0.299, 0.587, 0.114)
"""Weights of red, green and blue in a grey value (ITU-R BT.601)."""


@dataclass(frozen=True)
class Region:
    """A box of pixels.

    Attributes:
        top, left, bottom, right: its first row and column, and those behind its last.
    """

    top: int
    left: int
    bottom: int
    right: int

    @property
    def slices(self) -> tuple[slice, slice]:
        """Rows and columns, to cut the box out of an array."""
        return slice(self.top, self.bottom), slice(self.left, self.right)

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width."""
        return self.bottom - self.top, self.right - self.left


@dataclass(frozen=True)
class RegionRule:
    """What counts as a changed region.

    Attributes:
        threshold: a pixel changed where its grey value, 0 to 255, differs by more than this.
        pixels: a connected region counts when it has more than so many.
        grow: pixels that its box is widened by on every side, within the picture.
    """

    threshold: float = 100.0
    pixels: int = 500
    grow: int = 3

    def __post_init__(self) -> None:
        check_number(self, "threshold")
        check_whole(self, "pixels")
        check_whole(self, "grow")

    def find(self, rgb: npt.NDArray[np.uint8], before: npt.NDArray[np.uint8]) -> list[Region]:
        """Returns the boxes of the changed regions, from top to bottom; they may overlap.

        Args:
            rgb: the picture, (H, W, 3) uint8.
            before: what to compare it with, of the same size.

        Returns:
            One box for each region of pixels that touch at a side and changed.
        """
        changed = np.abs(grey(rgb) - grey(before)) > self.threshold
        labels, count = scipy.ndimage.label(changed)
        if not count:
            return []
        sizes = np.bincount(labels.ravel())[1:]
        boxes = scipy.ndimage.find_objects(labels)
        height, width = changed.shape
        return [
            Region(
                max(rows.start - self.grow, 0),
                max(columns.start - self.grow, 0),
                min(rows.stop + self.grow, height),
                min(columns.stop + self.grow, width),
            )
            for size, (rows, columns) in zip(sizes, boxes, strict=True)
            if size > self.pixels
        ]


def grey(rgb: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    """Returns the grey values (H, W), 0 to 255, of a picture (H, W, 3) uint8."""
    values: npt.NDArray[np.float32] = rgb.astype(np.float32) @ np.array(LUMA, dtype=np.float32)
    return values
