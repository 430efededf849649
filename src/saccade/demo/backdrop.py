"""The street without its traffic: houses, trees, pavements, a road; drawn once a scene."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFilter

Colour = tuple[int, int, int]

_WALLS: tuple[Colour, ...] = (
    (196, 122, 92), (222, 196, 158), (168, 178, 176), (206, 160, 110), (178, 104, 88), (226, 214, 196), (140, 156, 168),
)  # fmt: skip


@dataclass(frozen=True)
class Layout:
    """Where things are, as rows of pixels from the top.

    Attributes:
        height, width: size of the scene.
        walls_end: lower edge of the houses.
        road: upper and lower edge of the road.
        far_lane, near_lane: where the wheels of the two lanes touch the ground.
        far_walk, near_walk: where feet touch the ground on the two pavements.
    """

    height: int
    width: int

    @property
    def walls_end(self) -> int:
        return round(self.height * 0.40)

    @property
    def road(self) -> tuple[int, int]:
        return round(self.height * 0.50), round(self.height * 0.84)

    @property
    def far_lane(self) -> int:
        return round(self.height * 0.63)

    @property
    def near_lane(self) -> int:
        return round(self.height * 0.805)

    @property
    def far_walk(self) -> int:
        return round(self.height * 0.47)

    @property
    def near_walk(self) -> int:
        return round(self.height * 0.94)


def draw_backdrop(layout: Layout, random: np.random.Generator) -> tuple[Image.Image, Image.Image]:
    """Returns the picture behind the traffic (RGB) and what stands in front of it (RGBA)."""
    picture = Image.new("RGB", (layout.width, layout.height), (206, 222, 232))
    draw = ImageDraw.Draw(picture)
    _houses(draw, layout, random)
    _ground(draw, layout)
    _trees(picture, layout, random)
    _shadow(picture, layout, random)
    textured = _textured(picture, layout, random)
    _marks(textured, layout)
    return textured, _foreground(layout, random)


def _houses(draw: ImageDraw.ImageDraw, layout: Layout, random: np.random.Generator) -> None:
    left = -int(random.integers(0, 40))
    scale = layout.height / 384
    while left < layout.width:
        wide = int(random.integers(90, 170) * scale)
        top = int(random.integers(0, 46) * scale)
        wall = _WALLS[random.integers(len(_WALLS))]
        draw.rectangle((left, top, left + wide, layout.walls_end), fill=wall)
        draw.rectangle((left, top, left + wide, top + round(6 * scale)), fill=_shade(wall, 0.72))
        draw.line((left, top, left, layout.walls_end), fill=_shade(wall, 0.6), width=2)
        _windows(draw, left, top, wide, layout, scale, wall, random)
        left += wide


def _windows(
    draw: ImageDraw.ImageDraw,
    left: int,
    top: int,
    wide: int,
    layout: Layout,
    scale: float,
    wall: Colour,
    random: np.random.Generator,
) -> None:
    step, tall, broad = round(30 * scale), round(22 * scale), round(15 * scale)
    columns = max(1, (wide - round(12 * scale)) // step)
    margin = (wide - columns * step + step - broad) // 2
    shop = layout.walls_end - round(40 * scale)
    for row in range(top + round(16 * scale), shop - tall - round(6 * scale), round(36 * scale)):
        for column in range(columns):
            x = left + margin + column * step
            glass = (74, 92, 110) if random.random() < 0.75 else (240, 214, 150)
            draw.rectangle((x - 2, row - 2, x + broad + 2, row + tall + 2), fill=_shade(wall, 1.18))
            draw.rectangle((x, row, x + broad, row + tall), fill=glass)
            draw.line((x + broad // 2, row, x + broad // 2, row + tall), fill=_shade(wall, 1.1))
    door = left + margin + step * int(random.integers(columns))
    awning = ((176, 64, 60), (58, 110, 100), (206, 150, 60), (70, 92, 140))[random.integers(4)]
    draw.rectangle((left + 8, shop + 10, left + wide - 8, layout.walls_end - 6), fill=(84, 98, 108))
    draw.rectangle((door, shop + 8, door + broad + 3, layout.walls_end), fill=_shade(wall, 0.5))
    for stripe, x in enumerate(range(left + 5, left + wide - 8, max(4, round(9 * scale)))):
        paint = awning if stripe % 2 else (236, 230, 218)
        draw.rectangle((x, shop, min(x + round(9 * scale), left + wide - 5), shop + round(11 * scale)), fill=paint)


def _ground(draw: ImageDraw.ImageDraw, layout: Layout) -> None:
    top, bottom = layout.road
    draw.rectangle((0, layout.walls_end, layout.width, top), fill=(188, 182, 172))
    draw.rectangle((0, top, layout.width, bottom), fill=(96, 99, 104))
    draw.rectangle((0, bottom, layout.width, layout.height), fill=(194, 188, 177))
    for edge in (top, bottom):
        draw.rectangle((0, edge - 3, layout.width, edge + 2), fill=(150, 146, 138))
    for row in range(bottom + 14, layout.height, 14):
        draw.line((0, row, layout.width, row), fill=(176, 170, 160))
        for x in range((row * 7) % 40, layout.width, 40):
            draw.line((x, row - 14, x - 6, row), fill=(178, 172, 162))


def _trees(picture: Image.Image, layout: Layout, random: np.random.Generator) -> None:
    draw = ImageDraw.Draw(picture)
    scale = layout.height / 384
    for _ in range(int(random.integers(2, 4))):
        x, foot = int(random.integers(20, layout.width - 20)), layout.walls_end + round(14 * scale)
        draw.rectangle((x - 3, foot - round(60 * scale), x + 3, foot), fill=(92, 74, 58))
        green = np.array([74, 118, 70]) + random.integers(-12, 12, 3)
        for _ in range(46):
            angle, reach = random.random() * 2 * np.pi, 26 * scale * np.sqrt(random.random())
            cx, cy = x + reach * np.cos(angle), foot - 74 * scale + reach * 0.9 * np.sin(angle)
            leaf = tuple(
                int(v) for v in np.clip(green + random.integers(-18, 22) - (cy - foot + 74 * scale) * 0.5, 0, 255)
            )
            radius = float(random.integers(5, 10)) * scale
            draw.ellipse((cx - radius, cy - radius, cx + radius, cy + radius), fill=leaf)


def _shadow(picture: Image.Image, layout: Layout, random: np.random.Generator) -> None:
    """Lays the shadow of a house that is out of sight over a corner of the street."""
    mask = Image.new("L", picture.size, 0)
    x = int(random.integers(0, layout.width))
    reach = int(random.integers(120, 260))
    top = layout.walls_end
    ImageDraw.Draw(mask).polygon(
        [(x, top), (x + reach, top), (x + reach - 90, layout.height), (x - 90, layout.height)], fill=70
    )
    soft = mask.filter(ImageFilter.GaussianBlur(3))
    picture.paste(Image.new("RGB", picture.size, (28, 34, 52)), (0, 0), soft)


def _textured(picture: Image.Image, layout: Layout, random: np.random.Generator) -> Image.Image:
    """Adds grain at several scales, strongest on the asphalt."""
    grain = np.zeros((layout.height, layout.width), np.float32)
    for cell, strength in ((1, 4.0), (3, 2.5), (24, 5.0)):
        rows, columns = -(-layout.height // cell), -(-layout.width // cell)
        coarse = Image.fromarray(random.standard_normal((rows, columns)).astype(np.float32))
        grain += strength * np.asarray(coarse.resize((layout.width, layout.height), Image.Resampling.BILINEAR))
    top, bottom = layout.road
    weight = np.full((layout.height, 1), 0.6, np.float32)
    weight[top:bottom] = 1.1
    light = np.linspace(0.93, 1.04, layout.height, dtype=np.float32)[:, None, None]
    values = np.asarray(picture, dtype=np.float32) * light + (grain * weight)[..., None]
    return Image.fromarray(np.clip(values, 0, 255).astype(np.uint8))


def _marks(picture: Image.Image, layout: Layout) -> None:
    draw = ImageDraw.Draw(picture)
    top, bottom = layout.road
    middle = round(layout.height * 0.665)
    for x in range(-10, layout.width, 74):
        draw.polygon([(x, middle), (x + 38, middle), (x + 36, middle + 4), (x - 2, middle + 4)], fill=(224, 222, 212))
    for row in (top + 7, bottom - 9):
        draw.rectangle((0, row, layout.width, row + 2), fill=(206, 204, 194))


def _foreground(layout: Layout, random: np.random.Generator) -> Image.Image:
    """Draws what hides the traffic now and then: a lamp and a bush."""
    front = Image.new("RGBA", (layout.width, layout.height), (0, 0, 0, 0))
    draw = ImageDraw.Draw(front)
    scale = layout.height / 384
    lamp = int(random.integers(layout.width // 5, layout.width * 4 // 5))
    draw.rectangle((lamp - 2, round(60 * scale), lamp + 2, layout.height - 6), fill=(52, 58, 64, 255))
    draw.rectangle((lamp - 5, layout.height - 16, lamp + 5, layout.height), fill=(44, 50, 56, 255))
    draw.rounded_rectangle((lamp - 4, round(56 * scale), lamp + 30, round(61 * scale)), 2, fill=(52, 58, 64, 255))
    draw.rounded_rectangle((lamp + 16, round(61 * scale), lamp + 31, round(65 * scale)), 2, fill=(250, 236, 190, 255))
    bush = int(random.integers(0, layout.width))
    for _ in range(40):
        x = bush + float(random.normal(0, 20)) * scale
        y = layout.height + float(random.normal(-3, 5)) * scale
        radius = float(random.integers(5, 11)) * scale
        green = int(random.integers(-16, 18))
        draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=(66 + green, 104 + green, 62 + green, 255))
    return front


def picture_of(image: Image.Image) -> npt.NDArray[np.uint8]:
    """Returns an RGB image as (H, W, 3) uint8."""
    return np.asarray(image.convert("RGB"), dtype=np.uint8)


def _shade(colour: Colour, factor: float) -> Colour:
    red, green, blue = (max(0, min(255, round(value * factor))) for value in colour)
    return red, green, blue
