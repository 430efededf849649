"""Pairs of frames as a camera gives them one after the other: noise, another encoding, a patch that moved."""

from __future__ import annotations

import io
import math

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional

from saccade.training.tolerant.recipe import TolerantRecipe


def disturb(pixels: Tensor, recipe: TolerantRecipe, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Returns a first and a second frame of each image.

    Both have sensor noise of their own. In the second a patch has moved by a few pixels, and all of it is encoded anew.

    Args:
        pixels: (N, 3, H, W) uint8.
        recipe: how much of each.
        generator: of all draws.

    Returns:
        Two tensors (N, 3, H, W) uint8.
    """
    strength = float(torch.rand((), generator=generator)) * recipe.noise
    low, high = recipe.quality
    quality = int(torch.randint(low, high + 1, (), generator=generator))
    first = _noisy(pixels, strength, generator)
    second = _reencoded(_noisy(_moved(pixels, recipe.shift, generator), strength, generator), quality)
    return first, second


def _noisy(pixels: Tensor, strength: float, generator: torch.Generator) -> Tensor:
    noise = torch.randn(pixels.shape, generator=generator) * strength
    return (pixels.float() + noise).round().clamp(0, 255).to(torch.uint8)


def _moved(pixels: Tensor, most: int, generator: torch.Generator) -> Tensor:
    """Shifts one rectangle, at most half as high and wide as the images, in all of them."""
    height, width = pixels.shape[2:]
    tall = int(torch.randint(1, max(2, height // 2 + 1), (), generator=generator))
    wide = int(torch.randint(1, max(2, width // 2 + 1), (), generator=generator))
    top = int(torch.randint(0, height - tall + 1, (), generator=generator))
    left = int(torch.randint(0, width - wide + 1, (), generator=generator))
    down, right = (int(step) for step in torch.randint(-most, most + 1, (2,), generator=generator))
    moved = pixels.clone()
    target_top, target_left = min(max(top + down, 0), height - tall), min(max(left + right, 0), width - wide)
    patch = pixels[:, :, top : top + tall, left : left + wide]
    moved[:, :, target_top : target_top + tall, target_left : target_left + wide] = patch
    return moved


def _reencoded(pixels: Tensor, quality: int) -> Tensor:
    """Encodes all images as one picture, each beginning at a block of the codec."""
    count, channels, height, width = pixels.shape
    columns = math.ceil(math.sqrt(count))
    rows = math.ceil(count / columns)
    tall, wide = -(-height // 16) * 16, -(-width // 16) * 16
    whole = functional.pad(pixels.float(), (0, wide - width, 0, tall - height), mode="replicate").to(torch.uint8)
    empty = whole.new_zeros(rows * columns - count, channels, tall, wide)
    grid = torch.cat((whole, empty)).reshape(rows, columns, channels, tall, wide)
    sheet = grid.permute(0, 3, 1, 4, 2).reshape(rows * tall, columns * wide, channels)
    file = io.BytesIO()
    Image.fromarray(sheet.numpy()).save(file, "JPEG", quality=quality)
    coded = torch.from_numpy(np.array(Image.open(file)))
    tiles = coded.reshape(rows, tall, columns, wide, channels).permute(0, 2, 4, 1, 3).flatten(0, 1)
    return tiles[:count, :, :height, :width].contiguous()
