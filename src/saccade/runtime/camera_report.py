"""How a moving camera was followed: frame by frame, and in sum."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Laying(Enum):
    """How a frame came to its place on the canvas.

    Attributes:
        BEGUN: it is the first frame of a canvas.
        FOLLOWED: where the camera's motion puts it.
        MOVED: at the canvas's other end, which it would have left: about a dense frame.
        LOST: where the last frame was, since the motion was unsure: about a dense frame, unless little changed.
    """

    BEGUN = "begun"
    FOLLOWED = "followed"
    MOVED = "moved"
    LOST = "lost"


@dataclass(frozen=True)
class Laid:
    """Where a frame was laid.

    Attributes:
        laying: how it came there.
        y, x: how many pixels the camera moved down and right since the last frame; 0 where that is not known.
        agreement: mean fit of the landmarks, 0..1; see ``saccade.policy.camera.Motion``; 0 for a first frame.
        position: row and column of the canvas where the frame's first pixel lies.
    """

    laying: Laying
    y: int
    x: int
    agreement: float
    position: tuple[int, int]

    @property
    def dense(self) -> bool:
        """Whether the canvas kept little of what it knew of the frame's places."""
        return self.laying is not Laying.FOLLOWED


@dataclass(frozen=True)
class CameraReport:
    """How a camera was followed since the canvas was begun.

    Attributes:
        frame, canvas: (H, W) of each in pixels.
        frames: laid, the first included.
        travel: mean length of the camera's motion from one frame to the next that could be followed, in pixels.
        moved: frames laid at the canvas's other end.
        lost: frames whose motion was unsure.
    """

    frame: tuple[int, int]
    canvas: tuple[int, int]
    frames: int
    travel: float
    moved: int
    lost: int

    def __str__(self) -> str:
        height, width = self.canvas
        return (
            f"camera: {self.travel:.1f} pixels a frame on a canvas of {height}x{width}; {self.moved} frames laid at "
            f"its other end and {self.lost} whose motion was unsure, each about a dense frame; a dense pass above is "
            "one of the whole canvas"
        )
