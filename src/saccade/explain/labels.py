"""What people know of photographs, from a JSON file: the class of each, and boxes around what it shows."""

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

_SHOWN = 5
_FORM = '{"images": [{"image": NAME, "class": INDEX OR NAME, "boxes": [[left, top, right, bottom], ...]}, ...]}'


def _in_order(box: tuple[float, float, float, float]) -> tuple[float, float, float, float]:
    if not all(map(math.isfinite, box)) or box[0] >= box[2] or box[1] >= box[3]:
        raise ValueError(f"expected left < right and top < bottom, in pixels, got {list(box)}")
    return box


Box = Annotated[tuple[float, float, float, float], AfterValidator(_in_order)]


class Label(BaseModel):
    """What is known of one photograph.

    Attributes:
        image: the file's name, without its folders.
        category: the class that it shows, an index or a name; "class" in the file. None leaves it open.
        boxes: (left, top, right, bottom) in pixels of the photograph, edges counted from its left and upper border.
            None leaves the region open; an empty list says that there is none.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    image: str
    category: int | str | None = Field(default=None, alias="class")
    boxes: tuple[Box, ...] | None = None

    def region(self, size: tuple[int, int]) -> npt.NDArray[np.bool_] | None:
        """Returns the union of the boxes.

        Args:
            size: (H, W) of the photograph, in pixels.

        Returns:
            (H, W) bool: the pixels whose centre lies in a box; None where boxes were left open.

        Raises:
            RegionError: a box reaches more than a pixel beyond the photograph.
        """
        if self.boxes is None:
            return None
        region = np.zeros(size, dtype=np.bool_)
        for box in self.boxes:
            left, top, right, bottom = box
            if min(left, top) < -_BEYOND or right > size[1] + _BEYOND or bottom > size[0] + _BEYOND:
                raise RegionError(
                    f"the box {list(box)} of {self.image!r} reaches beyond the image, which is {size[0]} x {size[1]} "
                    "(height x width); expected [left, top, right, bottom] in its pixels"
                )
            region |= inside_box(box, size)
        return region


class LabelsFile(BaseModel):
    """What is known of some photographs.

    Attributes:
        images: one entry a photograph.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    images: tuple[Label, ...]

    @model_validator(mode="after")
    def _names_are_unique(self) -> LabelsFile:
        names = [entry.image for entry in self.images]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"{', '.join(twice)} is listed more than once; put all boxes of an image in one entry")
        return self

    def of(self, photograph: Path) -> Label:
        """Returns the entry of a photograph, found by its file name.

        Raises:
            RegionError: there is none.
        """
        for entry in self.images:
            if entry.image == photograph.name:
                return entry
        known = ", ".join(entry.image for entry in self.images[:_SHOWN]) + (", ..." * (len(self.images) > _SHOWN))
        raise RegionError(f"no entry of {photograph.name!r} among the labels; they know {known or 'no image'}")


def read_labels(path: str | Path) -> LabelsFile:
    """Returns a file of labels: ``{"images": [{"image": "cat.jpg", "class": "tabby", "boxes": [[0, 10, 90, 60]]}]}``.

    Raises:
        RegionError: the file is missing, is no JSON, or does not hold what it should; the message says where.
    """
    try:
        text = Path(path).read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise RegionError(f"no file at {str(path)!r}; expected JSON: {_FORM}") from error
    except (OSError, UnicodeDecodeError) as error:
        raise RegionError(f"the labels {str(path)!r} cannot be read: {error}; expected JSON: {_FORM}") from error
    try:
        return LabelsFile.model_validate_json(text)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise RegionError(
            f"the labels {str(path)!r} are not as expected: {place}{': ' * bool(place)}{first['msg']}; expected {_FORM}"
        ) from error


def inside_box(box: tuple[float, float, float, float], size: tuple[int, int]) -> npt.NDArray[np.bool_]:
    """Returns the pixels (H, W) whose centre lies in a box (left, top, right, bottom)."""
    left, top, right, bottom = box
    rows, columns = np.arange(size[0]) + 0.5, np.arange(size[1]) + 0.5
    inside: npt.NDArray[np.bool_] = ((rows >= top) & (rows < bottom))[:, None] & ((columns >= left) & (columns < right))
    return inside
