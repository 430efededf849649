"""Pictures re-encoded as JPEG: a yardstick for errors that people have a feeling for."""

from __future__ import annotations

import io

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image


def recompressed(picture: npt.NDArray[np.uint8], quality: int) -> npt.NDArray[np.uint8]:
    """Returns a picture as it comes out of a JPEG file, colour at half the resolution.

    Args:
        picture: (H, W, 3) in colour, or (H, W) in grey.
        quality: 1..95, as Pillow and libjpeg count it.
    """
    return np.asarray(_recompressed(Image.fromarray(np.ascontiguousarray(picture)), quality))


def is_picture(frame: torch.Tensor) -> bool:
    """Whether a frame can be re-encoded: (N, C, H, W) of brightnesses, not empty."""
    return frame.dim() == 4 and frame.numel() > 0 and (frame.is_floating_point() or frame.dtype == torch.uint8)


def recompressed_frame(frame: torch.Tensor, quality: int) -> torch.Tensor:
    """Returns a frame as it would be, had its pictures been re-encoded.

    The frame's smallest and largest value are taken for black and white. Three channels are taken for colours, in
    whatever order; any other number for as many grey pictures.

    Args:
        frame: (N, C, H, W), float32 or uint8.
        quality: 1..95.

    Returns:
        (N, C, H, W), of the same type.
    """
    black, white = frame.aminmax()
    range_ = (0.0, 255.0) if frame.dtype == torch.uint8 else (float(black), float(white))
    scale = (range_[1] - range_[0]) / 255 or 1.0
    levels = torch.sub(frame, range_[0]).div_(scale).round_().clamp_(0, 255).to(torch.uint8)
    for image in levels.numpy():
        _recompress_planes(image, quality)
    return levels if frame.dtype == torch.uint8 else levels.to(frame.dtype).mul_(scale).add_(range_[0])


def _recompress_planes(image: npt.NDArray[np.uint8], quality: int) -> None:
    """Re-encodes a picture (C, H, W) in place."""
    planes = [Image.fromarray(plane) for plane in image]
    if len(planes) == 3:
        decoded = _recompressed(Image.merge("RGB", planes), quality).split()
    else:
        decoded = tuple(_recompressed(plane, quality) for plane in planes)
    for target, plane in zip(image, decoded, strict=True):
        target[:] = np.asarray(plane)


def _recompressed(picture: Image.Image, quality: int) -> Image.Image:
    memory = io.BytesIO()
    picture.save(memory, "JPEG", quality=quality)
    return Image.open(memory)
