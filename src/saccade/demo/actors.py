"""What moves through the street: cars, people and cyclists, drawn from the side."""

from __future__ import annotations

import math
from functools import lru_cache

from PIL import Image, ImageDraw

Colour = tuple[int, int, int]

KINDS = ("car", "person", "cyclist")
PHASES = 8

CAR_COLOURS: tuple[Colour, ...] = (
    (196, 52, 48), (44, 92, 168), (232, 232, 228), (40, 44, 52), (226, 168, 44), (64, 132, 108), (140, 146, 154),
)  # fmt: skip
CLOTHES: tuple[Colour, ...] = (
    (204, 74, 62), (62, 110, 178), (238, 190, 72), (92, 150, 104), (130, 88, 152), (228, 226, 220), (52, 58, 70),
)  # fmt: skip
_SKIN: tuple[Colour, ...] = ((232, 190, 160), (186, 132, 98), (122, 82, 60))
_OVERSAMPLING = 4


@lru_cache(maxsize=4096)
def sprite(kind: int, variant: int, height: int, phase: int, leftwards: bool) -> Image.Image:
    """Returns an actor as an RGBA picture that ends where it touches the ground.

    Args:
        kind: index into KINDS.
        variant: chooses colours and shapes.
        height: in pixels.
        phase: of its step or of its wheels, 0 to PHASES - 1.
        leftwards: whether it faces left.
    """
    tall = height * _OVERSAMPLING
    drawn = (_car, _person, _cyclist)[kind](tall, variant, 2 * math.pi * phase / PHASES)
    small = drawn.resize((max(1, drawn.width // _OVERSAMPLING), height), Image.Resampling.BOX)
    return small.transpose(Image.Transpose.FLIP_LEFT_RIGHT) if leftwards else small


def _car(tall: int, variant: int, angle: float) -> Image.Image:
    is_van = variant % 4 == 3
    wide = round(tall * (2.3 if is_van else 2.75))
    image = Image.new("RGBA", (wide, tall), (0, 0, 0, 0))
    draw = ImageDraw.Draw(image)
    paint = CAR_COLOURS[variant % len(CAR_COLOURS)]
    roof, belt, sill, radius = 0.04 * tall, 0.46 * tall, 0.84 * tall, 0.19 * tall
    front, back = (0.90, 0.05) if is_van else (0.74, 0.14)
    cabin = [(wide * back, belt), (wide * (back + 0.02 if is_van else 0.27), roof),
             (wide * (0.72 if is_van else 0.57), roof), (wide * front, belt)]  # fmt: skip
    draw.polygon([(x, y) for x, y in cabin], fill=(*_mix(paint, 0.85), 255))
    draw.rounded_rectangle((wide * 0.01, belt - 0.03 * tall, wide * 0.99, sill), radius=0.15 * tall, fill=(*paint, 255))
    draw.rectangle((wide * 0.02, 0.68 * tall, wide * 0.98, 0.73 * tall), fill=(*_mix(paint, 0.7), 255))
    glass = (58, 76, 92, 255)
    inset = [(x + (0.02 if index < 2 else -0.02) * wide, y + (0.07 if index in (1, 2) else 0) * tall)
             for index, (x, y) in enumerate(cabin)]  # fmt: skip
    draw.polygon(inset, fill=glass)
    post = wide * 0.42
    draw.rectangle((post - 0.01 * wide, roof, post + 0.01 * wide, belt), fill=(*_mix(paint, 0.85), 255))
    draw.rectangle((wide * 0.955, 0.52 * tall, wide * 0.99, 0.62 * tall), fill=(255, 240, 190, 255))
    draw.rectangle((wide * 0.01, 0.52 * tall, wide * 0.035, 0.62 * tall), fill=(190, 40, 36, 255))
    for x in (wide * 0.2, wide * 0.79):
        _wheel(draw, x, tall - radius, radius, angle)
    return image


def _wheel(draw: ImageDraw.ImageDraw, x: float, y: float, radius: float, angle: float) -> None:
    draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=(28, 30, 34, 255))
    rim = radius * 0.58
    draw.ellipse((x - rim, y - rim, x + rim, y + rim), fill=(176, 180, 186, 255))
    for spoke in range(3):
        turn = angle / 3 + spoke * 2 * math.pi / 3
        end = (x + rim * math.cos(turn), y + rim * math.sin(turn))
        draw.line((x, y, *end), fill=(84, 88, 94, 255), width=max(2, round(radius * 0.16)))


def _person(tall: int, variant: int, angle: float) -> Image.Image:
    wide = round(tall * 0.52)
    image = Image.new("RGBA", (wide, tall), (0, 0, 0, 0))
    draw = ImageDraw.Draw(image)
    x = wide * 0.5
    shirt, trousers = CLOTHES[variant % len(CLOTHES)], _mix(CLOTHES[(variant * 3 + 2) % len(CLOTHES)], 0.55)
    skin = _SKIN[variant % len(_SKIN)]
    hip, shoulder, limb = 0.52 * tall, 0.22 * tall, 0.095 * tall
    swing = math.sin(angle) * 0.40
    for sign, shade in ((-1, 0.75), (1, 1.0)):
        knee = (x + math.sin(sign * swing) * 0.24 * tall, hip + math.cos(swing) * 0.24 * tall)
        bend = max(0.0, -sign * math.cos(angle)) * 0.5
        foot = (
            knee[0] + math.sin(sign * swing - bend) * 0.22 * tall,
            knee[1] + math.cos(sign * swing - bend) * 0.22 * tall,
        )
        _limb(draw, [(x, hip), knee, foot], _mix(trousers, shade), limb)
        draw.ellipse((foot[0] - limb * 0.5, foot[1] - limb * 0.4, foot[0] + limb * 1.1, foot[1] + limb * 0.5),
                     fill=(40, 38, 40, 255))  # fmt: skip
        if sign < 0:
            _arm(draw, x, shoulder, swing, tall, _mix(shirt, 0.7), skin)
    draw.rounded_rectangle(
        (x - 0.105 * tall, 0.17 * tall, x + 0.105 * tall, 0.56 * tall), 0.08 * tall, fill=(*shirt, 255)
    )
    _arm(draw, x, shoulder, -swing, tall, _mix(shirt, 0.88), skin)
    head = 0.078 * tall
    draw.ellipse((x - head, 0.01 * tall, x + head, 0.01 * tall + 2.15 * head), fill=(*skin, 255))
    draw.pieslice((x - head * 1.1, 0, x + head * 1.05, head * 2.1), 150, 340, fill=(58, 44, 36, 255))
    return image


def _arm(
    draw: ImageDraw.ImageDraw, x: float, shoulder: float, swing: float, tall: int, sleeve: Colour, skin: Colour
) -> None:
    elbow = (x + math.sin(swing) * 0.16 * tall, shoulder + math.cos(swing) * 0.16 * tall)
    hand = (elbow[0] + math.sin(swing + 0.35) * 0.14 * tall, elbow[1] + math.cos(swing + 0.35) * 0.14 * tall)
    _limb(draw, [(x, shoulder), elbow, hand], sleeve, 0.07 * tall)
    radius = 0.035 * tall
    draw.ellipse((hand[0] - radius, hand[1] - radius, hand[0] + radius, hand[1] + radius), fill=(*skin, 255))


def _cyclist(tall: int, variant: int, angle: float) -> Image.Image:
    wide = round(tall * 1.06)
    image = Image.new("RGBA", (wide, tall), (0, 0, 0, 0))
    draw = ImageDraw.Draw(image)
    shirt, trousers = CLOTHES[(variant + 1) % len(CLOTHES)], _mix(CLOTHES[(variant * 5 + 3) % len(CLOTHES)], 0.5)
    frame, skin = CAR_COLOURS[(variant + 2) % len(CAR_COLOURS)], _SKIN[(variant + 1) % len(_SKIN)]
    radius = 0.215 * tall
    hub_back, hub_front = (radius + 2, tall - radius - 1), (wide - radius - 2, tall - radius - 1)
    for x, y in (hub_back, hub_front):
        draw.ellipse(
            (x - radius, y - radius, x + radius, y + radius), outline=(32, 34, 38, 255), width=round(0.034 * tall)
        )
        for spoke in range(4):
            turn = angle / 4 + spoke * math.pi / 4
            dx, dy = radius * 0.9 * math.cos(turn), radius * 0.9 * math.sin(turn)
            draw.line((x - dx, y - dy, x + dx, y + dy), fill=(150, 154, 160, 150), width=max(1, round(0.008 * tall)))
    crank, saddle, bars = (wide * 0.46, tall * 0.80), (wide * 0.36, tall * 0.53), (wide * 0.73, tall * 0.50)
    _limb(draw, [hub_back, crank, (wide * 0.70, tall * 0.58), saddle, crank], frame, 0.03 * tall)
    _limb(draw, [hub_back, saddle], frame, 0.026 * tall)
    _limb(draw, [bars, hub_front], frame, 0.03 * tall)
    shoulder, hip = (wide * 0.53, tall * 0.21), (wide * 0.37, tall * 0.49)
    for offset, shade in ((math.pi, 0.7), (0.0, 1.0)):
        pedal = (crank[0] + math.cos(angle + offset) * 0.085 * tall, crank[1] + math.sin(angle + offset) * 0.085 * tall)
        knee = ((hip[0] + pedal[0]) / 2 + 0.13 * tall, (hip[1] + pedal[1]) / 2 - 0.05 * tall)
        _limb(draw, [hip, knee, pedal], _mix(trousers, shade), 0.085 * tall)
    _limb(draw, [hip, shoulder], shirt, 0.15 * tall)
    _limb(draw, [shoulder, (wide * 0.63, tall * 0.37), bars], _mix(shirt, 0.85), 0.065 * tall)
    head, cx, cy = 0.08 * tall, wide * 0.60, tall * 0.10
    draw.ellipse((cx - head, cy - head, cx + head, cy + head * 1.1), fill=(*skin, 255))
    draw.pieslice((cx - head * 1.2, cy - head * 1.25, cx + head * 1.15, cy + head * 0.9), 170, 350, fill=(*frame, 255))
    return image


def _limb(draw: ImageDraw.ImageDraw, points: list[tuple[float, float]], colour: Colour, thickness: float) -> None:
    width = max(1, round(thickness))
    draw.line(points, fill=(*colour, 255), width=width, joint="curve")
    for x, y in (points[0], points[-1]):
        draw.ellipse((x - width / 2, y - width / 2, x + width / 2, y + width / 2), fill=(*colour, 255))


def _mix(colour: Colour, factor: float) -> Colour:
    red, green, blue = (max(0, min(255, round(value * factor))) for value in colour)
    return red, green, blue
