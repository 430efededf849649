"""Sizes, boxes and numbers of channels as a user types them."""

from __future__ import annotations

import math
import re

import typer

MOST_PIXELS = 1 << 28
"""Of a frame; float32 in three channels, it takes 3 GiB."""


def parse_size(text: str | None) -> tuple[int, int] | None:
    """Returns (H, W) in pixels from "HxW", or None from None.

    Raises:
        typer.BadParameter: when the text is something else, or so large a frame would not fit into memory.
    """
    if text is None:
        return None
    match = re.fullmatch(r"(\d+)[xX](\d+)", text.strip())
    if match is None or not int(match[1]) or not int(match[2]):
        raise typer.BadParameter(f"{text!r} is no size; expected height x width in pixels, such as 384x640")
    height, width = int(match[1]), int(match[2])
    if height * width > MOST_PIXELS:
        raise typer.BadParameter(
            f"{text!r} is too large; expected height x width of at most {MOST_PIXELS:,} pixels in all, such as 384x640"
        )
    return height, width


def parse_factor(number: float | None) -> float | None:
    """Returns a factor of the grey levels, or None from None.

    Raises:
        typer.BadParameter: when it is 0 or not finite, so that every frame would be the same.
    """
    if number is not None and (number == 0 or not math.isfinite(number)):
        raise typer.BadParameter(
            f"--scale {number:g} would make every frame the same; expected a finite number other than 0, "
            "such as 0.00392157 (1/255)"
        )
    return number


def parse_divisors(text: str | None) -> tuple[float, ...] | None:
    """Returns what ``parse_channels`` does.

    Raises:
        typer.BadParameter: when a number is 0, or the text is something else.
    """
    numbers = parse_channels(text)
    if numbers is not None and 0 in numbers:
        raise typer.BadParameter(f"{text!r} holds a 0; the frame is divided by these numbers")
    return numbers


def parse_channels(text: str | None) -> tuple[float, ...] | None:
    """Returns one or three numbers from "0.485,0.456,0.406", or None from None.

    Raises:
        typer.BadParameter: when the text is something else.
    """
    if text is None:
        return None
    try:
        numbers = tuple(float(part) for part in text.split(","))
    except ValueError:
        numbers = ()
    if len(numbers) not in (1, 3) or not all(map(math.isfinite, numbers)):
        raise typer.BadParameter(f"{text!r} is not one finite number or three with commas, such as 0.485,0.456,0.406")
    return numbers


def parse_box(text: str) -> tuple[int, int, int, int]:
    """Returns (x, y, width, height) in pixels from "x,y,w,h".

    Raises:
        typer.BadParameter: when the text is something else.
    """
    match = re.fullmatch(r"(\d+),(\d+),(\d+),(\d+)", text.replace(" ", ""))
    if match is None or not int(match[3]) or not int(match[4]):
        raise typer.BadParameter(f"{text!r} is no box; expected x,y,width,height in pixels, such as 0,0,200,24")
    return int(match[1]), int(match[2]), int(match[3]), int(match[4])
