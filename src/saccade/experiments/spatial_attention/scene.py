"""A digit moving on a still of high resolution: what the paper says its method is for, and does not show."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from PIL import Image, ImageDraw

from saccade.experiments.spatial_attention.pictures import CHANGED, KEPT, without_ticks
from saccade.experiments.spatial_attention.settings import Settings

ROWS_A_SCALE = 270
"""The digit is drawn once as large, 28 pixels, for every so many rows of the scene."""


def still(height: int, width: int, seed: int = 0) -> npt.NDArray[np.uint8]:
    """Returns a street of (height, width, 3): sky, houses with windows, a road, and fine grain that stands still."""
    random = np.random.default_rng(seed)
    rows = np.linspace(0, 1, height)[:, None, None]
    sky, road = np.array([126, 164, 208]), np.array([92, 94, 100])
    picture = np.where(rows < 0.7, sky + (rows * 60), road + (rows - 0.7) * 90) * np.ones((1, width, 1))
    image = Image.fromarray(picture.clip(0, 255).astype(np.uint8))
    draw, left, ground = ImageDraw.Draw(image), 0, round(0.72 * height)
    while left < width:
        wide = int(random.integers(width // 14, width // 7))
        top = int(random.integers(height // 5, height // 2))
        wall = tuple(int(value) for value in random.integers(70, 190, 3))
        draw.rectangle((left, top, left + wide - 3, ground), fill=wall)
        pane = max(3, wide // 9)
        glass = tuple(int(value * 0.55) for value in wall)
        for row in range(top + pane, ground - 2 * pane, 2 * pane):
            for column in range(left + pane, left + wide - 2 * pane, 2 * pane):
                draw.rectangle((column, row, column + pane, row + pane), fill=glass)
        left += wide
    grain = random.normal(0, 4, (height, width, 1))
    return np.asarray(np.asarray(image) + grain, dtype=np.float64).clip(0, 255).astype(np.uint8)


def moving_digit(digit: torch.Tensor, height: int, width: int, frames: int, shift: int) -> Iterator[torch.Tensor]:
    """Yields the scene with the digit in the middle, moving right.

    Args:
        digit: (28, 28), from -1 to 1.
        height: of the scene in pixels; with the width at least 64 each.
        width: of the scene in pixels.
        frames: how many.
        shift: pixels a frame, at a height of 270; proportionally more on a larger scene.

    Yields:
        (1, 3, height, width) float32, from 0 to 1.
    """
    scale = max(1, round(height / ROWS_A_SCALE))
    ink = F.interpolate((digit[None, None] + 1) / 2, scale_factor=scale, mode="bilinear", align_corners=False)[0]
    background = torch.from_numpy(still(height, width)).permute(2, 0, 1).float() / 255
    size = ink.shape[-1]
    top, left = (height - size) // 2, (width - size) // 2
    for step in range(frames):
        frame, column = background.clone(), left + step * shift * scale
        place = frame[:, top : top + size, column : column + size]
        place.copy_(place + ink * (1 - place))
        yield frame[None]


def draw_scene(digit: torch.Tensor, settings: Settings) -> Figure:
    """Returns a figure of the first and the last frame and of where the last one differs from the one before it."""
    height, width = settings.scene
    frames = list(moving_digit(digit, height, width, settings.scene_frames, settings.shift))
    changed = (frames[-1] != frames[-2]).any(1)[0]
    figure = Figure(figsize=(11, 2.6), layout="constrained")
    titles = ("first frame", "last frame", f"changed in the last step: {float(changed.float().mean()):.2%}")
    pictures = (frames[0][0].permute(1, 2, 0).numpy(), frames[-1][0].permute(1, 2, 0).numpy(), changed.numpy())
    for axes, title, picture in zip(figure.subplots(1, 3), titles, pictures, strict=True):
        axes.imshow(picture, cmap=ListedColormap([KEPT, CHANGED]), vmin=0, vmax=1)
        axes.set_title(title, fontsize=10)
        without_ticks(axes)
    figure.suptitle(f"A digit moving on a still of {height} x {width}", fontsize=12)
    return figure
