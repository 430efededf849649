"""JPEG as an error yardstick: what a dense pass says of a frame that was compressed once more."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from torch import Tensor

    from saccade.cli.bench.frames import ModelFrame

NAMES = ("jpeg", "jpeg-source")


@dataclass(frozen=True)
class Recompression:
    """A frame re-encoded as JPEG.

    Attributes:
        name: as the user typed it: "jpeg:90" re-encodes the model's frame, after resizing; "jpeg-source:90" the
            source's picture before it.
        quality: 1..95, as Pillow and libjpeg count it; colour at half the resolution.
        of_source: whether the source's picture is re-encoded.
    """

    name: str
    quality: int
    of_source: bool

    @classmethod
    def parse(cls, text: str) -> Recompression | None:
        """Returns what "jpeg:90" asks for, or None where the text is about something else.

        Raises:
            typer.BadParameter: where the quality is no whole number from 1 to 95.
        """
        kind, _, quality = text.partition(":")
        if kind not in NAMES:
            return None
        if not quality.isdecimal() or not 1 <= int(quality) <= 95:
            raise typer.BadParameter(f"{text!r} is no JPEG; expected a quality from 1 to 95, such as {kind}:90")
        return cls(text, int(quality), kind == "jpeg-source")

    def __call__(self, frame: ModelFrame) -> Tensor:
        """Returns the model's frame (1, 3, H, W) of the re-encoded picture."""
        from saccade.runtime.recompression import recompressed

        rgb = frame.rgb if self.of_source else frame.preprocessing.fitted(frame.rgb)[0].permute(1, 2, 0).numpy()
        return frame.preprocessing(recompressed(rgb, self.quality))
