"""What a detector found, in pixels of the picture: for the events file and to be drawn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch

from saccade.agreement import decode, find_decoder

if TYPE_CHECKING:
    from saccade.cli.preprocess import Preprocessing
    from saccade.video import Box


@dataclass(frozen=True)
class Find:
    """Something that a detector found.

    Attributes:
        label: number of its class.
        name: of its class, or "" where it is not known.
        score: 0..1.
        box: left, top, right, bottom in pixels of the picture, within it.
    """

    label: int
    name: str
    score: float
    box: tuple[float, float, float, float]

    def to_dict(self) -> dict[str, Any]:
        """Returns it as JSON can hold it."""
        named = {"name": self.name} if self.name else {}
        return {"class": self.label, **named, "score": self.score, "box": [round(edge, 2) for edge in self.box]}

    def to_box(self) -> Box:
        """Returns it as it can be drawn."""
        from saccade.video import Box

        return Box(*self.box, f"{self.name or self.label} {self.score:.2f}", self.label)


def read_finds(
    outputs: Any,
    preprocessing: Preprocessing,
    frame: tuple[int, int],
    picture: tuple[int, int],
    categories: Sequence[str] = (),
    decoder: str = "",
    offset: tuple[int, int] = (0, 0),
) -> list[Find] | None:
    """Returns what a detector found in one picture, or None where no decoder recognises its outputs.

    Args:
        outputs: as the model returns them for one picture.
        preprocessing: that made the picture into a frame.
        frame: (H, W) of the model's frame in pixels.
        picture: (H, W) of the picture in pixels.
        categories: names of the classes.
        decoder: a decoder's name; "" for the one that recognises the outputs.
        offset: pixels of the model's frame that the outputs begin above and left of it.

    Raises:
        MetricError: when the decoder that was asked for cannot read the outputs.
    """
    if not decoder and find_decoder(outputs) is None:
        return None
    found = decode(outputs, decoder)[0]
    boxes = found.boxes * torch.tensor(frame[::-1]).repeat(2) if found.relative else found.boxes
    boxes = boxes - torch.tensor(offset[::-1]).repeat(2)
    boxes = preprocessing.in_picture(boxes, frame, picture).clamp(min=0)
    boxes = boxes.minimum(torch.tensor(picture[::-1]).repeat(2))
    finds = []
    for label, score, box in zip(found.labels.tolist(), found.scores.tolist(), boxes.tolist(), strict=True):
        name = categories[label] if 0 <= label < len(categories) else ""
        finds.append(Find(label, name, score, (box[0], box[1], box[2], box[3])))
    return finds
