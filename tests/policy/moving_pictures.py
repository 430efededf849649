"""Made-up pictures of a textured world, in grey levels."""

from __future__ import annotations

import torch
import torch.nn.functional as F


def world(height: int = 400, width: int = 600, seed: int = 0) -> torch.Tensor:
    """Returns (1, 3, H, W) with texture at several scales, 0..255."""
    generator = torch.Generator().manual_seed(seed)
    picture = torch.zeros(1, 3, height, width)
    for cell in (4, 16, 64):
        noise = torch.rand(1, 3, height // cell + 2, width // cell + 2, generator=generator)
        picture += F.interpolate(noise, size=(height, width), mode="bilinear", align_corners=False)
    return picture / 3 * 255


def view(picture: torch.Tensor, y: int, x: int, height: int = 160, width: int = 208) -> torch.Tensor:
    """Returns what a camera sees whose upper left corner is at (y, x)."""
    return picture[..., y : y + height, x : x + width].contiguous()


def noise(like: torch.Tensor, levels: float, seed: int = 0) -> torch.Tensor:
    """Returns the noise of a sensor."""
    return levels * torch.randn(like.shape, generator=torch.Generator().manual_seed(seed))
