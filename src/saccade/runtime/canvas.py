"""A moving camera: frames are laid on a canvas that stays with the world, so that what stands still keeps its place."""

from __future__ import annotations

from typing import Any

import torch

from saccade.errors import FrameError, ModelError, PolicyError
from saccade.policy import Policy
from saccade.policy.camera import Landmarks, Motion, estimate_motion
from saccade.runtime.report import Report
from saccade.runtime.session import FrameCost
from saccade.runtime.stream import Model, Stream

_STEP = 32
_FEWEST_LANDMARKS = 12
_KEY_TRAVEL = 0.25
_KEY_AGREEMENT = 0.8


class CanvasStream:
    """A fully convolutional network that watches through a camera which pans.

    Each frame is laid where it belongs on a canvas larger than it, in whole pixels, and the network watches the canvas:
    what stands still in the world stands still there, in every layer. Around the frame the canvas keeps what was seen
    there last. A frame that would leave the canvas is laid at its other end, which costs about a dense frame; so does
    a frame whose motion is unsure, as it is laid where the last one was.

    Outputs near the frame's edge differ from the network's own on the frame alone, which sees zeros beyond the edge
    where the canvas shows the world.

    Args:
        model: as ``saccade.incremental`` takes it, of one input, all of whose outputs are maps (N, C, H / s, W / s).
        policy: what counts as a change.
        threads: threads to use; None chooses by the machine.
        margin: pixels that the canvas is larger than the frame, each way; rounded up to a multiple of 32.
        agreement: least agreement of the landmarks for a motion to be believed, 0..1.

    Attributes:
        stream: that watches the canvas.
        motion: of the last frame against the one whose landmarks are remembered; None before the second frame.
        lost: frames whose motion was unsure.
        moves: frames that were laid at the canvas's other end.
    """

    def __init__(
        self,
        model: Model,
        policy: str | Policy = "exact",
        threads: int | None = None,
        *,
        margin: int = 128,
        agreement: float = 0.6,
    ) -> None:
        if margin < 1 or not 0 <= agreement <= 1:
            raise PolicyError(
                f"a margin of {margin} pixels and an agreement of {agreement} were given; expected at least one pixel "
                "and a number in 0..1"
            )
        self.stream = Stream(model, policy, threads)
        self.margin = -(-margin // _STEP) * _STEP
        self.agreement = agreement
        self.lost = 0
        self.moves = 0
        self._canvas: torch.Tensor | None = None
        self._size = (0, 0)
        self._position = (0, 0)
        self._velocity = (0, 0)
        self._key: Landmarks | None = None
        self._key_position = (0, 0)
        self.motion: Motion | None = None

    def __call__(self, frame: torch.Tensor) -> Any:
        """Takes the next frame and returns the outputs where the frame lies, in the structure that the model returns.

        Args:
            frame: (N, C, H, W); all images of a batch move alike. H and W must be multiples of the outputs' strides.

        Returns:
            Maps (N, C, H / s, W / s); a map's first cell begins ``offset(s)`` pixels above and left of the frame.

        Raises:
            FrameError: when the frame has other than four dimensions.
            ModelError: when an output is no map of the canvas.
        """
        if not isinstance(frame, torch.Tensor) or frame.dim() != 4:
            given = tuple(frame.shape) if isinstance(frame, torch.Tensor) else type(frame).__name__
            raise FrameError(f"a frame of {given} was given; a canvas takes one tensor (N, C, H, W)")
        self._lay(frame)
        return torch.utils._pytree.tree_map(self._cut, self.stream(self._canvas))

    def dense(self) -> Any:
        """Runs the same engine densely on the canvas as it is, and returns the outputs where the last frame lies."""
        return torch.utils._pytree.tree_map(self._cut, self.stream.dense(self._canvas))

    def offset(self, stride: int) -> tuple[int, int]:
        """Returns how many pixels above and left of the frame the first cell of an output of that stride begins.

        A box read from such an output as if it were the frame's own lies as many pixels too far down and right.
        """
        return self._position[0] % stride, self._position[1] % stride

    @property
    def position(self) -> tuple[int, int]:
        """Row and column of the canvas where the frame's first pixel lies."""
        return self._position

    def report(self) -> Report:
        """Returns what was done since the canvas was begun; a dense pass is one of the whole canvas."""
        return self.stream.report()

    @property
    def last_frame(self) -> FrameCost:
        """What the last frame took; a dense pass is one of the whole canvas."""
        return self.stream.last_frame

    def _lay(self, frame: torch.Tensor) -> None:
        height, width = frame.shape[2:]
        if self._canvas is None or self._size != (height, width) or self._canvas.dtype != frame.dtype:
            self._begin(frame)
        else:
            self._follow(frame)
        y, x = self._position
        assert self._canvas is not None
        self._canvas[..., y : y + height, x : x + width] = frame

    def _begin(self, frame: torch.Tensor) -> None:
        height, width = frame.shape[2:]
        mean = frame.float().mean((0, 2, 3)).to(frame.dtype).view(1, -1, 1, 1)
        self._canvas = mean.repeat(frame.shape[0], 1, height + self.margin, width + self.margin)
        self._size = (height, width)
        self._position = (self.margin // 2, self.margin // 2)
        self._velocity = (0, 0)
        self._remember(frame)

    def _remember(self, frame: torch.Tensor) -> None:
        self._key = Landmarks.of(frame)
        self._key_position = self._position

    def _follow(self, frame: torch.Tensor) -> None:
        """Finds where the frame lies."""
        assert self._key is not None
        likely = [
            key - now - step for key, now, step in zip(self._key_position, self._position, self._velocity, strict=True)
        ]
        self.motion = motion = estimate_motion(frame, self._key, (likely[0], likely[1]))
        if motion.agreement < self.agreement or motion.landmarks < _FEWEST_LANDMARKS:
            self.lost += 1
            self._velocity = (0, 0)
            self._remember(frame)
            return
        y, x = self._key_position[0] - motion.y, self._key_position[1] - motion.x
        self._velocity = (y - self._position[0], x - self._position[1])
        self._position = (self._kept_on_canvas(y), self._kept_on_canvas(x))
        moved = self._position != (y, x)
        self.moves += moved
        far = any(abs(way) > _KEY_TRAVEL * side for way, side in zip((motion.y, motion.x), self._size, strict=True))
        if moved or far or motion.agreement < _KEY_AGREEMENT:
            self._remember(frame)

    def _kept_on_canvas(self, place: int) -> int:
        """Returns the place, or the canvas's other end for one that has left it."""
        if place < 0:
            return self.margin
        return 0 if place > self.margin else place

    def _cut(self, output: Any) -> torch.Tensor:
        """Returns what of an output's map lies under the frame."""
        assert self._canvas is not None
        side = self._canvas.shape[2]
        stride = side // output.shape[2] if isinstance(output, torch.Tensor) and output.dim() == 4 else 0
        if stride == 0 or tuple(size * stride for size in output.shape[2:]) != tuple(self._canvas.shape[2:]):
            given = tuple(output.shape) if isinstance(output, torch.Tensor) else type(output).__name__
            raise ModelError(
                f"an output of {given} was found; a moving camera needs outputs that are maps (N, C, H / s, W / s): "
                f"here of a canvas of {tuple(self._canvas.shape[2:])}"
            )
        first = [place // stride for place in self._position]
        count = [side // stride for side in self._size]
        cut: torch.Tensor = output[..., first[0] : first[0] + count[0], first[1] : first[1] + count[1]]
        return cut
