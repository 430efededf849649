"""The regions that a run ignores, from a picture file and from boxes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import torch

from saccade.cli.option_values import parse_box
from saccade.cli.preprocess import Preprocessing
from saccade.errors import SourceError

_WHITE = 128


@dataclass(frozen=True)
class IgnoredRegions:
    """What the user asked to ignore, in pixels of the video.

    Attributes:
        picture: (H, W), boolean, from the mask's file; None where none was given.
        boxes: (x, y, width, height) each.
        name: of the mask's file, for messages.
    """

    picture: torch.Tensor | None
    boxes: tuple[tuple[int, int, int, int], ...]
    name: str = ""

    @classmethod
    def read(cls, path: Path | None, boxes: list[str]) -> IgnoredRegions:
        """Reads the file and the boxes.

        Raises:
            SourceError: when the file is no picture.
            typer.BadParameter: when a box is none.
        """
        parsed = tuple(parse_box(box) for box in boxes)
        return cls(None if path is None else _read(path), parsed, str(path or ""))

    def mask(self, size: tuple[int, int] | None, preprocessing: Preprocessing) -> torch.Tensor | None:
        """Returns the mask (h, w) of the model's frame; None where nothing is to be ignored.

        A place of the frame is ignored as soon as any ignored pixel of the video enters it.

        Args:
            size: (H, W) of the video; None where that is not known before its first frame.
            preprocessing: from a picture of the video to the model's frame.

        Raises:
            SourceError: when the mask is not of the video's size, or the size is needed and not known.
            PolicyError: when a box lies outside the video.
        """
        from saccade.policy.ignore import box_mask

        if self.picture is None and not self.boxes:
            return None
        size = size or (None if self.picture is None else (self.picture.shape[0], self.picture.shape[1]))
        if size is None:
            raise SourceError(
                "boxes to ignore were given, but the source does not tell the size of its pictures before the first; "
                "give a mask file of their size instead"
            )
        mask = box_mask(size, list(self.boxes))
        if self.picture is not None:
            if tuple(self.picture.shape) != size:
                raise SourceError(
                    f"the mask {self.name!r} is {self.picture.shape[1]} x {self.picture.shape[0]} pixels, the video "
                    f"{size[1]} x {size[0]}: expected a mask of the video's size"
                )
            mask |= self.picture
        geometry = replace(preprocessing, scale=1.0, mean=(0.0,), std=(1.0,))
        marked = geometry((mask.byte() * 255)[..., None].repeat(1, 1, 3).numpy())
        empty = geometry(torch.zeros(*size, 3, dtype=torch.uint8).numpy())
        return (marked != empty)[0].any(0)


def _read(path: Path) -> torch.Tensor:
    import numpy as np
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(path) as image:
            grey = np.asarray(image.convert("L"))
    except UnidentifiedImageError as error:
        raise SourceError(f"the mask {str(path)!r} is no picture; expected a PNG, white where to ignore") from error
    except OSError as error:
        reason = error.strerror or "it is damaged"
        raise SourceError(
            f"the mask {str(path)!r} cannot be read ({reason}); expected a PNG, white where to ignore"
        ) from error
    return torch.from_numpy(grey >= _WHITE)
