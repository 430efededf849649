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
    memory = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(picture)).save(memory, "JPEG", quality=quality)
    return np.asarray(Image.open(memory))


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
    levels = ((frame.float() - range_[0]) / scale).round_().clamp_(0, 255).to(torch.uint8)
    images = [_recompressed_image(image, quality) for image in levels]
    result = torch.stack(images)
    return result if frame.dtype == torch.uint8 else result.to(frame.dtype).mul_(scale).add_(range_[0])


def _recompressed_image(image: torch.Tensor, quality: int) -> torch.Tensor:
    if image.shape[0] == 3:
        return torch.from_numpy(recompressed(image.permute(1, 2, 0).numpy(), quality).copy()).permute(2, 0, 1)
    return torch.stack([torch.from_numpy(recompressed(channel.numpy(), quality).copy()) for channel in image])
