"""From a picture of a video to the frame that a model takes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F

from saccade.errors import FrameError

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


@dataclass(frozen=True)
class Preprocessing:
    """What happens to a picture: resized, scaled, normalised: (value * scale - mean) / std.

    Attributes:
        size: (H, W) in pixels of the model's frame, or None to keep the picture's own.
        scale: factor of the grey levels 0..255.
        mean, std: for each channel, in the model's channel order, or one number for all.
        channels: the model's channel order.
        letterbox: keep the picture's proportions and fill the rest with grey instead of stretching it.
    """

    size: tuple[int, int] | None = None
    scale: float = 1 / 255
    mean: tuple[float, ...] = (0.0,)
    std: tuple[float, ...] = (1.0,)
    channels: Literal["rgb", "bgr"] = "rgb"
    letterbox: bool = False

    def __call__(self, rgb: npt.NDArray[np.uint8]) -> torch.Tensor:
        """Returns the frame (1, 3, H, W) float32 of a picture (H, W, 3) uint8.

        Raises:
            FrameError: when the memory does not suffice for it.
        """
        try:
            return self._frame(self.fitted(rgb))
        except (MemoryError, RuntimeError) as error:
            height, width = self.size or rgb.shape[:2]
            raise FrameError(
                f"a frame of {height}x{width} pixels could not be made ({str(error).partition(chr(10))[0]}); "
                "choose a smaller --size"
            ) from error

    def _frame(self, picture: torch.Tensor) -> torch.Tensor:
        if self.channels == "bgr":
            picture = picture.flip(1)
        std = torch.tensor(self.std).reshape(1, -1, 1, 1)
        mean = torch.tensor(self.mean).reshape(1, -1, 1, 1)
        return torch.addcmul(-mean / std, picture.contiguous().float(), self.scale / std)

    def fitted(self, rgb: npt.NDArray[np.uint8]) -> torch.Tensor:
        """Returns a picture (H, W, 3) at the frame's size, (1, 3, H, W) uint8, before it is scaled and normalised."""
        picture = torch.from_numpy(np.array(rgb, copy=True)).permute(2, 0, 1).unsqueeze(0)
        if self.size is None or tuple(picture.shape[-2:]) == self.size:
            return picture
        return _letterboxed(picture, self.size) if self.letterbox else _resized(picture, self.size)

    def in_picture(self, boxes: torch.Tensor, frame: tuple[int, int], picture: tuple[int, int]) -> torch.Tensor:
        """Returns boxes in pixels of the picture that was made into a frame.

        Args:
            boxes: (K, 4), left, top, right, bottom in pixels of the frame.
            frame: (H, W) of the model's frame.
            picture: (H, W) of the picture.
        """
        if not self.letterbox:
            factors = torch.tensor([picture[1] / frame[1], picture[0] / frame[0]])
            return boxes * factors.repeat(2)
        inner, (top, left) = _letterbox_place(picture, frame)
        factors = torch.tensor([picture[1] / inner[1], picture[0] / inner[0]])
        return (boxes - torch.tensor([left, top]).repeat(2)) * factors.repeat(2)


def _resized(picture: torch.Tensor, size: tuple[int, int]) -> torch.Tensor:
    """Returns the picture (1, 3, H, W) uint8 at a size; same pixels in, same pixels out, so that still stays still."""
    return F.interpolate(picture, size=size, mode="bilinear", align_corners=False, antialias=True)


def _letterboxed(picture: torch.Tensor, size: tuple[int, int]) -> torch.Tensor:
    inner, (top, left) = _letterbox_place((picture.shape[-2], picture.shape[-1]), size)
    canvas = picture.new_full((1, 3, *size), 114)
    canvas[..., top : top + inner[0], left : left + inner[1]] = _resized(picture, inner)
    return canvas


def _letterbox_place(picture: tuple[int, int], size: tuple[int, int]) -> tuple[tuple[int, int], tuple[int, int]]:
    """Returns the size of a picture within a letterbox, and where its top and left are; all in pixels."""
    factor = min(size[0] / picture[0], size[1] / picture[1])
    inner = (max(1, round(picture[0] * factor)), max(1, round(picture[1] * factor)))
    return inner, ((size[0] - inner[0]) // 2, (size[1] - inner[1]) // 2)
