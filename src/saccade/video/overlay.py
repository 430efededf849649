"""A picture of what was recomputed, drawn on the frame."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

_TINT = np.array([255, 122, 24], dtype=np.float32)
_TINT_STRENGTH = 0.30
_OUTLINE = (255, 176, 32)
_INK = (236, 240, 244)
_FAINT_INK = (142, 152, 163)
_ALARM = (255, 92, 80)
_PANEL = (17, 21, 26)
_TRACK = (58, 66, 75)
_MAP_CHANGED = (255, 148, 40)
_MAP_KEPT = (38, 45, 53)
_BOX_COLOURS = ((64, 200, 255), (126, 231, 135), (255, 121, 198), (255, 214, 92), (178, 148, 255))


@dataclass(frozen=True)
class Box:
    """A detected object.

    Attributes:
        left, top, right, bottom: in pixels of the frame.
        label: text to show, such as "car 0.93".
        kind: index of the class; chooses the colour.
    """

    left: float
    top: float
    right: float
    bottom: float
    label: str = ""
    kind: int = 0


def draw_overlay(
    rgb: npt.NDArray[np.uint8],
    *,
    change_map: npt.NDArray[np.bool_] | None = None,
    title: str = "",
    share: float | None = None,
    maps: Mapping[str, npt.NDArray[np.bool_]] | None = None,
    boxes: Sequence[Box] = (),
    note: str = "",
    alarm: bool = False,
) -> npt.NDArray[np.uint8]:
    """Draws what was recomputed on a frame, with a strip of numbers and small maps below it.

    Args:
        rgb: the frame, (H, W, 3) uint8; is not changed.
        change_map: which pixels of the model's input changed, (h, w) bool; stretched to the frame.
        title: text for the left of the strip, such as "frame 12".
        share: multiply-accumulates done over those of the dense pass, 0 to 1; None leaves the bar out.
        maps: change maps of some operators, each (h, w) bool, by name; as many are drawn as fit.
        boxes: detected objects.
        note: text behind the title, such as "error 0.031"; left out where it does not fit.
        alarm: whether the note is to catch the eye.

    Returns:
        The picture, (H + strip, W, 3) uint8; the strip's height depends on the frame's size and on whether there
        are maps, not on their content, so that all frames of a video come out equal.
    """
    picture = rgb if change_map is None else tint(rgb, change_map)
    height, width = rgb.shape[:2]
    unit = _unit(height, width)
    canvas = Image.new("RGB", (width, height + strip_height(height, width, maps is not None)), _PANEL)
    canvas.paste(Image.fromarray(picture), (0, 0))
    draw = ImageDraw.Draw(canvas)
    draw_boxes(draw, boxes, unit)
    _draw_strip(draw, width, height, unit, title, share, (note, _ALARM if alarm else _FAINT_INK))
    if maps is not None:
        _draw_maps(canvas, draw, maps, height + 2 * unit, unit, height / width)
    return np.asarray(canvas, dtype=np.uint8)


def strip_height(height: int, width: int, with_maps: bool) -> int:
    """Returns how many pixels ``draw_overlay`` adds below a frame of (height, width)."""
    unit = _unit(height, width)
    return 2 * unit + (_map_height(width, unit, height / width) + 2 * unit if with_maps else 0)


def tint(rgb: npt.NDArray[np.uint8], change_map: npt.NDArray[np.bool_]) -> npt.NDArray[np.uint8]:
    """Returns the frame (H, W, 3) with the changed places of a map (h, w) tinted and outlined."""
    height, width = rgb.shape[:2]
    changed = stretch(change_map, height, width)
    if not changed.any():
        return rgb
    picture = rgb.copy()
    picture[changed] = (rgb[changed] * (1 - _TINT_STRENGTH) + _TINT * _TINT_STRENGTH).astype(np.uint8)
    return outline(picture, changed)


def outline(rgb: npt.NDArray[np.uint8], change_map: npt.NDArray[np.bool_]) -> npt.NDArray[np.uint8]:
    """Returns the frame (H, W, 3) with the edges of the changed regions of a map (h, w) drawn."""
    height, width = rgb.shape[:2]
    changed = stretch(change_map, height, width)
    picture: npt.NDArray[np.uint8] = rgb.copy()
    picture[changed & ~_eroded(changed, 1 + min(height, width) // 500)] = _OUTLINE
    return picture


def stretch(mask: npt.NDArray[np.bool_], height: int, width: int) -> npt.NDArray[np.bool_]:
    """Returns a map of (h, w) at (height, width) by taking the nearest place."""
    rows = np.arange(height) * mask.shape[0] // height
    columns = np.arange(width) * mask.shape[1] // width
    stretched: npt.NDArray[np.bool_] = np.asarray(mask, dtype=bool)[rows[:, None], columns]
    return stretched


def draw_boxes(draw: ImageDraw.ImageDraw, boxes: Sequence[Box], unit: int) -> None:
    """Draws boxes with their labels; ``unit`` is the text's line height in pixels."""
    for box in boxes:
        colour = _BOX_COLOURS[box.kind % len(_BOX_COLOURS)]
        if box.right < box.left or box.bottom < box.top:
            continue
        draw.rectangle((box.left, box.top, box.right, box.bottom), outline=colour, width=max(1, unit // 9))
        if box.label:
            text_font = font(unit * 3 // 5)
            length = draw.textlength(box.label, font=text_font)
            top = box.top - unit * 4 // 5 if box.top >= unit * 4 // 5 else box.top
            draw.rectangle((box.left, top, box.left + length + unit // 2, top + unit * 4 // 5), fill=colour)
            middle = (box.left + unit // 4, top + unit * 2 // 5)
            draw.text(middle, box.label, fill=_PANEL, font=text_font, anchor="lm")


@lru_cache(maxsize=16)
def font(pixels: int) -> ImageFont.ImageFont | ImageFont.FreeTypeFont:
    """Returns Pillow's own font at a size in pixels; nothing is read from the system."""
    return ImageFont.load_default(max(8, pixels))


def _draw_strip(
    draw: ImageDraw.ImageDraw,
    width: int,
    top: int,
    unit: int,
    title: str,
    share: float | None,
    note: tuple[str, tuple[int, int, int]],
) -> None:
    margin, middle, text_font = unit // 2, top + unit, font(unit * 4 // 5)
    draw.text((margin, middle), title, fill=_INK, font=text_font, anchor="lm")
    free_from = 2 * margin + draw.textlength(title, font=text_font)
    right = float(width - margin)
    if share is not None:
        draw.text((right, middle), f"{share:.1%} of the work", fill=_INK, font=text_font, anchor="rm")
        right -= margin + draw.textlength("100.0% of the work", font=text_font)
    if free_from + draw.textlength(note[0], font=text_font) <= right:
        draw.text((free_from, middle), note[0], fill=note[1], font=text_font, anchor="lm")
        free_from += draw.textlength(note[0], font=text_font) + margin
    if share is None:
        return
    left = max(right - width * 0.35, free_from)
    if right - left < 2 * unit:
        return
    bar = (left, middle - unit / 5, right, middle + unit / 5)
    draw.rounded_rectangle(bar, radius=unit / 5, fill=_TRACK)
    filled = (right - left) * min(max(share, 0.0), 1.0)
    if filled >= 1:
        draw.rounded_rectangle((left, bar[1], left + filled, bar[3]), radius=min(unit / 5, filled / 2), fill=_OUTLINE)


def _draw_maps(
    canvas: Image.Image,
    draw: ImageDraw.ImageDraw,
    maps: Mapping[str, npt.NDArray[np.bool_]],
    top: int,
    unit: int,
    aspect: float,
) -> None:
    """Draws small change maps in a row, each with the operator's name and its changed share below."""
    margin = unit // 2
    tall = _map_height(canvas.width, unit, aspect)
    wide = round(tall / aspect)
    left = margin
    for name, mask in maps.items():
        if left + wide + margin > canvas.width:
            return
        colours = np.where(stretch(mask, tall, wide)[..., None], _MAP_CHANGED, _MAP_KEPT).astype(np.uint8)
        canvas.paste(Image.fromarray(colours), (left, top))
        share = f"{float(np.mean(mask)):.0%}" if mask.size else ""
        below, small = top + tall + unit * 3 // 4, font(unit * 3 // 5)
        draw.text((left + wide, below), share, fill=_INK, font=small, anchor="rm")
        room = wide - draw.textlength(share + "  ", font=small)
        draw.text((left, below), _shortened(draw, name, room, unit * 3 // 5), fill=_FAINT_INK, font=small, anchor="lm")
        left += wide + margin


def _shortened(draw: ImageDraw.ImageDraw, name: str, room: float, pixels: int) -> str:
    """Returns the end of a name that fits: the last part tells operators apart."""
    if draw.textlength(name, font=font(pixels)) <= room:
        return name
    while name and draw.textlength("…" + name, font=font(pixels)) > room:
        name = name[1:]
    return "…" + name


def _eroded(mask: npt.NDArray[np.bool_], pixels: int) -> npt.NDArray[np.bool_]:
    for _ in range(pixels):
        padded = np.pad(mask, 1, mode="edge")
        mask = mask & padded[:-2, 1:-1] & padded[2:, 1:-1] & padded[1:-1, :-2] & padded[1:-1, 2:]
    return mask


def _unit(height: int, width: int) -> int:
    """Returns a line's height in pixels for a frame of that size."""
    return max(12, min(height // 20, width // 32))


def _map_height(width: int, unit: int, aspect: float) -> int:
    """Returns the height of a small map: six of them fill the width of the frame."""
    return max(8, round((width - 7 * (unit // 2)) / 6 * aspect))
