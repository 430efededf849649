"""What a user may say of how pictures become frames, for every verb that reads a video."""

from __future__ import annotations

from dataclasses import replace
from enum import Enum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from saccade.cli.option_values import parse_channels, parse_divisors, parse_factor, parse_size

if TYPE_CHECKING:
    from saccade.cli.preprocess import Preprocessing


class Channels(str, Enum):
    """The order of the colour channels."""

    rgb = "rgb"
    bgr = "bgr"


SizeOption = Annotated[
    str | None,
    typer.Option(help="The model's frame as HxW; the video's own size, or the model's fixed one, by default."),
]
ScaleOption = Annotated[float | None, typer.Option(help="Factor of the grey levels 0..255; 1/255 by default.")]
MeanOption = Annotated[str | None, typer.Option(help="Subtracted after scaling: one number or three.")]
StdOption = Annotated[str | None, typer.Option(help="Divided by after that: one number or three.")]
ChannelsOption = Annotated[Channels | None, typer.Option(help="The model's channel order; rgb by default.")]
LetterboxOption = Annotated[bool, typer.Option("--letterbox", help="Keep the proportions when resizing.")]


def preprocessing_changes(
    size: str | None,
    scale: float | None,
    mean: str | None,
    std: str | None,
    channels: Channels | None,
    letterbox: bool,
) -> dict[str, Any]:
    """Returns the fields of a Preprocessing that the user set, to be given to ``changed``.

    Raises:
        typer.BadParameter: when a text is no size or no numbers, or a number cannot be used.
    """
    given = {
        "size": parse_size(size),
        "scale": parse_factor(scale),
        "mean": parse_channels(mean),
        "std": parse_divisors(std),
        "channels": channels.value if channels else None,
        "letterbox": letterbox or None,
    }
    return {name: value for name, value in given.items() if value is not None}


def changed(preprocessing: Preprocessing, changes: dict[str, Any]) -> Preprocessing:
    """Returns a model's preprocessing with what the user set."""
    return replace(preprocessing, **changes)
