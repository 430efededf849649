"""What the network sees of a photograph: the part and the size, the same for the picture and for a mask on it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import numpy.typing as npt
from PIL import Image

from saccade.errors import ExplanationError


@dataclass(frozen=True)
class Framing:
    """How a photograph becomes the network's frame.

    Attributes:
        size: (H, W) of the frame in pixels.
        fit: "crop" takes the largest centred part of the frame's proportions and keeps ``share`` of its sides;
            "stretch" takes the whole photograph.
        share: 0 to 1; 0.875 with 224 x 224 is the usual resize to 256 and centre crop to 224 of ImageNet.

    Raises:
        ExplanationError: a size below 1, an unknown fit or a share outside (0, 1].
    """

    size: tuple[int, int] = (224, 224)
    fit: Literal["crop", "stretch"] = "crop"
    share: float = 0.875

    def __post_init__(self) -> None:
        if min(self.size) < 1:
            raise ExplanationError(f"size is {self.size}; expected (height, width) in pixels, at least 1 each")
        if self.fit not in ("crop", "stretch"):
            raise ExplanationError(f"fit is {self.fit!r}; expected 'crop' or 'stretch'")
        if not 0 < self.share <= 1:
            raise ExplanationError(f"share is {self.share}; expected the part of the sides to keep, above 0 up to 1")

    def picture(self, rgb: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
        """Returns the frame (h, w, 3) of a picture (H, W, 3), both uint8."""
        return np.asarray(self._resized(Image.fromarray(rgb)), dtype=np.uint8)

    def region(self, mask: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
        """Returns the mask (h, w) on the frame of a mask (H, W) on the photograph: what is covered at least half."""
        covered = self._resized(Image.fromarray(mask.astype(np.float32)))
        return np.asarray(np.asarray(covered) >= 0.5, dtype=np.bool_)

    def enlarged(self, least: int) -> Framing:
        """Returns the framing of the same part at a whole multiple of the size, at least ``least`` pixels a side.

        Small frames are shown larger, as the photograph is, rather than as the few pixels that the network saw.
        """
        factor = max(1, -(-least // min(self.size)))
        return replace(self, size=(self.size[0] * factor, self.size[1] * factor))

    def part(self, height: int, width: int) -> tuple[float, float, float, float]:
        """Returns (left, top, right, bottom) of the part of a photograph that the frame shows, in its pixels."""
        if self.fit == "stretch":
            return (0.0, 0.0, float(width), float(height))
        scale = min(height / self.size[0], width / self.size[1]) * self.share
        tall, wide = self.size[0] * scale, self.size[1] * scale
        left, top = (width - wide) / 2, (height - tall) / 2
        return (left, top, left + wide, top + tall)

    def _resized(self, image: Image.Image) -> Image.Image:
        """Returns the part at the frame's size, bilinear with antialiasing."""
        height, width = self.size
        return image.resize((width, height), Image.Resampling.BILINEAR, box=self.part(image.height, image.width))
