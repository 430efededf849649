"""What the networks see: a digit on a 64 x 64 image, repeated or moving (Fig. 4).

The published program moves the digit in four ways that it should not; each can be mended alone:

6. every step copies columns 18..45 of the last frame to 19..46, so that the digit scrolls behind a
   fixed aperture and loses a column a step                                                     ``scrolling``
7. around the aperture it leaves 0, which is grey: black is -1, and training never saw grey     ``background``
8. up is down                                                                                   ``up_is_down``
9. the first frame is shifted already                                                           ``centred_start``
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import torch

from saccade.errors import ExperimentError

SIDE = 64
"""Height and width of an image in pixels."""
DIGIT = 28
"""Height and width of a digit in pixels."""
FIRST = (SIDE - DIGIT) // 2
"""First row and column of a centred digit; also the farthest that it can move."""
GREY, BLACK = 0.0, -1.0
"""What the published program leaves behind a digit that moved, and the normalised black of the images."""

Direction = Literal["right", "left", "up", "down"]
DIRECTIONS: tuple[Direction, ...] = get_args(Direction)
_STEPS = {"right": (0, 1), "left": (0, -1), "up": (-1, 0), "down": (1, 0)}


@dataclass(frozen=True)
class Motion:
    """How a digit moves from frame to frame.

    Attributes:
        shift: pixels a frame; 0 repeats the centred digit (experiment I).
        direction: where to.
        frames: of a sequence.
        scrolling: let the digit scroll behind a fixed aperture instead of moving it.
        background: value around a digit that moved.
        centred_start: show the first frame unshifted.
        up_is_down: move down when asked to move up.

    Raises:
        ExperimentError: when the digit would leave the image, or a field is out of its range.
    """

    shift: int = 1
    direction: Direction = "right"
    frames: int = 10
    scrolling: bool = False
    background: float = BLACK
    centred_start: bool = True
    up_is_down: bool = False

    def __post_init__(self) -> None:
        if self.direction not in DIRECTIONS:
            raise ExperimentError(f"the direction {self.direction!r} was given; expected {', '.join(DIRECTIONS)}")
        if self.frames < 1 or self.shift < 0:
            raise ExperimentError(
                f"{self.frames} frames and a shift of {self.shift} were given; expected at least 1 frame and a shift "
                "of 0 or more pixels; use the direction to move the other way"
            )
        if self.farthest > FIRST:
            raise ExperimentError(
                f"{self.frames} frames with a shift of {self.shift} move the digit by {self.farthest} pixels; the "
                f"image has room for {FIRST}: give a smaller shift or fewer frames"
            )

    @classmethod
    def as_published(cls, shift: int = 1, direction: Direction = "right", frames: int = 10) -> Motion:
        """Returns the published program's sequence."""
        return cls(shift, direction, frames, scrolling=True, background=GREY, centred_start=False, up_is_down=True)

    @property
    def farthest(self) -> int:
        """Pixels between the aperture, or the digit, and the image's centre in the last frame."""
        if self.scrolling:
            return self.shift
        return self.shift * (self.frames - 1 if self.centred_start else self.frames)

    def sequence(self, digit: torch.Tensor) -> list[torch.Tensor]:
        """Returns the frames of one digit.

        Args:
            digit: (28, 28), from -1 (black) to 1.

        Returns:
            As many tensors (1, 1, 64, 64) as there are frames.
        """
        image = torch.full((SIDE, SIDE), BLACK)
        image[FIRST : FIRST + DIGIT, FIRST : FIRST + DIGIT] = digit
        if self.shift == 0:
            return [image[None, None].clone() for _ in range(self.frames)]
        frames = [image] if self.centred_start else []
        while len(frames) < self.frames:
            step = len(frames) + (not self.centred_start)
            last = frames[-1] if frames else image
            frames.append(
                self._shifted(last, self.shift) if self.scrolling else self._shifted(image, step * self.shift)
            )
        return [frame[None, None].clone() for frame in frames]

    def _shifted(self, image: torch.Tensor, pixels: int) -> torch.Tensor:
        """Returns the image with its centred aperture moved and nothing around it."""
        down, across = _STEPS["down" if self.up_is_down and self.direction == "up" else self.direction]
        top, left = FIRST + down * pixels, FIRST + across * pixels
        moved = torch.full_like(image, self.background)
        moved[top : top + DIGIT, left : left + DIGIT] = image[FIRST : FIRST + DIGIT, FIRST : FIRST + DIGIT]
        return moved
