"""The region R of relevant features, from a JSON file of boxes."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Annotated

import numpy as np
import numpy.typing as npt
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from saccade.errors import RegionError

_BEYOND = 1.0
"""How many pixels a box may reach beyond its image: some data sets count corners, some count pixels."""


def _in_order(box: tuple[float, float, float, float]) -> tuple[float, float, float, float]:
    if not all(map(math.isfinite, box)) or box[0] >= box[2] or box[1] >= box[3]:
        raise ValueError(f"expected left < right and top < bottom, in pixels, got {list(box)}")
    return box


Box = Annotated[tuple[float, float, float, float], AfterValidator(_in_order)]


class BoxesOfImage(BaseModel):
    """The boxes of one image.

    Attributes:
        image: the file's name, without its folders.
        label: the class that Grad-CAM is asked for: an index or a name of the network's; the network's own first
            choice where it is left out. Called "class" in the file.
        boxes: (left, top, right, bottom) in pixels of the image, edges counted from its left and upper border.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    image: str
    label: int | str | None = Field(default=None, alias="class")
    boxes: tuple[Box, ...]


class BoxesFile(BaseModel):
    """A file of boxes.

    Attributes:
        images: one entry an image.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    images: tuple[BoxesOfImage, ...]

    @model_validator(mode="after")
    def _names_are_unique(self) -> BoxesFile:
        names = [entry.image for entry in self.images]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"{', '.join(twice)} listed more than once; put all boxes of an image in one entry")
        return self

    def of(self, photograph: Path) -> BoxesOfImage:
        """Returns the entry of a photograph, found by its file name.

        Raises:
            RegionError: there is none.
        """
        for entry in self.images:
            if entry.image == photograph.name:
                return entry
        known = ", ".join(entry.image for entry in self.images[:5]) + (", ..." if len(self.images) > 5 else "")
        raise RegionError(f"no boxes of {photograph.name!r} in the file of boxes; it lists {known or 'no image'}")


def read_boxes(path: str | Path) -> BoxesFile:
    """Returns a file of boxes: ``{"images": [{"image": "china.jpg", "class": 3, "boxes": [[0, 10, 90, 60]]}]}``.

    Raises:
        RegionError: the file is missing, is no JSON, or does not hold what it should; the message says where.
    """
    file = Path(path)
    try:
        text = file.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise RegionError(f"no file at {str(path)!r}; expected a JSON file of boxes") from error
    except (OSError, UnicodeDecodeError) as error:
        raise RegionError(f"the file of boxes {str(path)!r} cannot be read: {error}") from error
    try:
        return BoxesFile.model_validate_json(text)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"])) or "the file"
        raise RegionError(
            f"{str(path)!r} is no file of boxes: {place}: {first['msg']}; expected "
            '{"images": [{"image": NAME, "class": INDEX OR NAME, "boxes": [[left, top, right, bottom], ...]}, ...]}'
        ) from error


def region_of_boxes(entry: BoxesOfImage, size: tuple[int, int]) -> npt.NDArray[np.bool_]:
    """Returns the union of an image's boxes.

    Args:
        entry: the boxes.
        size: (H, W) of the photograph, in pixels.

    Returns:
        (H, W) bool: the pixels whose centre lies in a box.

    Raises:
        RegionError: a box reaches more than a pixel beyond the photograph.
    """
    height, width = size
    region = np.zeros(size, dtype=np.bool_)
    for left, top, right, bottom in entry.boxes:
        if left < -_BEYOND or top < -_BEYOND or right > width + _BEYOND or bottom > height + _BEYOND:
            raise RegionError(
                f"the box {[left, top, right, bottom]} of {entry.image!r} reaches beyond the image, which is "
                f"{height} x {width} (height x width); expected [left, top, right, bottom] in its pixels"
            )
        rows = (np.arange(height) + 0.5 >= top) & (np.arange(height) + 0.5 < bottom)
        columns = (np.arange(width) + 0.5 >= left) & (np.arange(width) + 0.5 < right)
        region |= rows[:, None] & columns[None, :]
    return region
