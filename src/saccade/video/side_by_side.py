"""Dense on the left, incremental on the right, their times below."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

from saccade.video.overlay import Box, draw_boxes, font, outline

_INK, _FAINT = (236, 240, 244), (142, 152, 163)
_PANEL, _TRACK = (17, 21, 26), (58, 66, 75)
_DENSE, _INCREMENTAL = (120, 190, 255), (255, 158, 44)
_GLOW, _DIMMING = 0.34, 0.12
_HEADER, _FOOTER, _GAP = 52, 132, 4


class SideBySide:
    """Draws the frames of a video, one after the other.

    Args:
        frames: how many there will be; the graph below is as wide as that.
    """

    def __init__(self, frames: int) -> None:
        self._frames = frames
        self._dense: list[float] = []
        self._incremental: list[float] = []

    def draw(
        self,
        rgb: npt.NDArray[np.uint8],
        changed: npt.NDArray[np.bool_],
        effort: npt.NDArray[np.float32],
        boxes: Sequence[Box],
        dense_milliseconds: float,
        incremental_milliseconds: float,
        share: float,
    ) -> npt.NDArray[np.uint8]:
        """Returns the next picture, (H + 184, 2 W + 4, 3) uint8.

        Args:
            rgb: the frame, (H, W, 3) uint8.
            changed: which pixels of the input changed, (h, w) bool; outlined.
            effort: share of the network's work that was done for each pixel, (H, W) in 0..1; tinted.
            boxes: what was found; the same on both sides.
            dense_milliseconds, incremental_milliseconds: time of the two passes.
            share: multiply-accumulates done over those of the dense pass, 0 to 1.
        """
        self._dense.append(dense_milliseconds)
        self._incremental.append(incremental_milliseconds)
        height, width = rgb.shape[:2]
        canvas = Image.new("RGB", (2 * width + _GAP, height + _HEADER + _FOOTER), _PANEL)
        draw = ImageDraw.Draw(canvas)
        everywhere = np.ones((height, width), dtype=np.float32)
        recomputed = outline(_glowing(rgb, effort, _INCREMENTAL), changed)
        sides = (
            ("dense", _DENSE, _glowing(rgb, everywhere, _DENSE), dense_milliseconds, 1.0),
            ("incremental", _INCREMENTAL, recomputed, incremental_milliseconds, share),
        )
        for side, (name, colour, picture, milliseconds, part) in enumerate(sides):
            left = side * (width + _GAP)
            canvas.paste(_with_boxes(picture, boxes), (left, _HEADER))
            _header(draw, left, width, name, colour, milliseconds, part)
        self._graph(draw, canvas.width, height + _HEADER)
        return np.asarray(canvas, dtype=np.uint8)

    def _graph(self, draw: ImageDraw.ImageDraw, width: int, top: int) -> None:
        """Draws the milliseconds of both passes so far; the mean of each stands at the right."""
        left, right, floor, ceiling = 64, width - 262, top + _FOOTER - 22, top + 16
        most = max(float(np.percentile(self._dense, 90)) * 1.25, max(self._incremental[1:], default=0.1) * 1.05, 0.1)
        draw.line((left, floor, right, floor), fill=_TRACK)
        draw.line((left, ceiling, right, ceiling), fill=_TRACK)
        draw.text((left - 8, ceiling), f"{most:.0f} ms", fill=_FAINT, font=font(13), anchor="rm")
        draw.text((left - 8, floor), "0", fill=_FAINT, font=font(13), anchor="rm")
        draw.text((left, floor + 11), "time per frame, one core", fill=_FAINT, font=font(13), anchor="lm")
        for place, (values, colour, name) in enumerate(
            ((self._dense, _DENSE, "dense"), (self._incremental, _INCREMENTAL, "incremental"))
        ):
            points = [
                (left + (right - left) * index / max(self._frames - 1, 1),
                 floor - (floor - ceiling) * min(value / most, 1.0))
                for index, value in enumerate(values)
            ]  # fmt: skip
            if len(points) > 1:
                draw.line(points, fill=colour, width=3, joint="curve")
            x, y = points[-1]
            draw.ellipse((x - 4, y - 4, x + 4, y + 4), fill=colour)
            row = ceiling + 18 + 34 * place
            draw.text((right + 20, row), name, fill=colour, font=font(14), anchor="lm")
            draw.text((width - 16, row), f"mean {np.mean(values):.1f} ms", fill=_INK, font=font(14), anchor="rm")


def _header(
    draw: ImageDraw.ImageDraw,
    left: int,
    width: int,
    name: str,
    colour: tuple[int, int, int],
    milliseconds: float,
    share: float,
) -> None:
    middle = _HEADER // 2
    draw.text((left + 14, middle), name, fill=colour, font=font(24), anchor="lm")
    draw.text((left + 270, middle), f"{milliseconds:.1f} ms", fill=_INK, font=font(24), anchor="rm")
    bar_left, bar_right = left + 300, left + width - 176
    filled = (bar_right - bar_left) * min(max(share, 0.0), 1.0)
    if bar_right - bar_left > 20:
        draw.rounded_rectangle((bar_left, middle - 5, bar_right, middle + 5), 5, fill=_TRACK)
    if filled >= 2:
        draw.rounded_rectangle((bar_left, middle - 5, bar_left + filled, middle + 5), min(5, filled / 2), fill=colour)
    draw.text((left + width - 14, middle), f"{share:.0%} of the work", fill=_INK, font=font(17), anchor="rm")


def _glowing(
    rgb: npt.NDArray[np.uint8], effort: npt.NDArray[np.float32], colour: tuple[int, int, int]
) -> npt.NDArray[np.uint8]:
    """Returns the frame tinted where work was done and a little darker where none was."""
    kept = rgb * (1 - _DIMMING * (1 - effort[..., None]))
    strength = _GLOW * effort[..., None]
    glowing = kept * (1 - strength) + np.array(colour, dtype=np.float32) * strength
    return np.asarray(glowing, dtype=np.uint8)


def _with_boxes(rgb: npt.NDArray[np.uint8], boxes: Sequence[Box]) -> Image.Image:
    image = Image.fromarray(rgb)
    draw_boxes(ImageDraw.Draw(image), boxes, unit=20)
    return image
