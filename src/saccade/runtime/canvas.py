"""A moving camera: frames are laid on a canvas that stays with the world, so that what stands still keeps its place."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import torch

from saccade.capture.detector import convolutional_part
from saccade.errors import CaptureError, FrameError, ModelError, PolicyError
from saccade.policy import Policy
from saccade.policy.camera import Landmarks, Motion, estimate_motion
from saccade.runtime.audit import Audit
from saccade.runtime.audit_report import Audited
from saccade.runtime.camera_report import CameraReport, Laid, Laying
from saccade.runtime.frames import Model
from saccade.runtime.report import FrameCost, Report
from saccade.runtime.stream import Stream

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
        audit: how the error is measured against a dense pass of the canvas; None for not at all.

    Raises:
        PolicyError: when the policy is not known, or a number is out of range.
        ModelError: when the model cannot be watched so.

    Attributes:
        stream: that watches the canvas.
        motion: of the last frame against the one whose landmarks are remembered; None before the second frame.
        lost: frames whose motion was unsure.
        moves: frames that were laid at the canvas's other end.
        last_laid: where the last frame was laid; None before the first.
    """

    def __init__(
        self,
        model: Model,
        policy: str | Policy = "exact",
        threads: int | None = None,
        *,
        margin: int = 128,
        agreement: float = 0.6,
        audit: Audit | None = None,
    ) -> None:
        if margin < 1 or not 0 <= agreement <= 1:
            raise PolicyError(
                f"a margin of {margin} pixels and an agreement of {agreement} were given; expected at least one pixel "
                "and a number in 0..1"
            )
        if isinstance(model, torch.nn.Module) and convolutional_part(model) is not None:
            raise ModelError(
                f"a {type(model).__name__} returns boxes; a moving camera needs a network whose outputs are all maps "
                "(N, C, H / s, W / s), such as FastestDet or a segmenter: give that, or let it watch without following"
            )
        self.stream = Stream(model, policy, threads, audit)
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
        self.last_laid: Laid | None = None
        self._frames = 0
        self._travel = 0.0
        self._followed = 0

    def __call__(self, frame: torch.Tensor) -> Any:
        """Takes the next frame and returns the outputs where the frame lies, in the structure that the model returns.

        Args:
            frame: (N, C, H, W); all images of a batch move alike. H and W must be multiples of the outputs' strides.

        Returns:
            Maps (N, C, H / s, W / s); a map's first cell begins ``offset(s)`` pixels above and left of the frame.

        Raises:
            FrameError: when the frame has other than four dimensions.
            ModelError: when an output is no map of the canvas.
            CaptureError: when the model does not take frames of the canvas's size.
        """
        if not isinstance(frame, torch.Tensor) or frame.dim() != 4:
            given = tuple(frame.shape) if isinstance(frame, torch.Tensor) else type(frame).__name__
            raise FrameError(f"a frame of {given} was given; a canvas takes one tensor (N, C, H, W)")
        with torch.inference_mode(mode=False), torch.no_grad():
            self._lay(frame.detach().clone() if frame.is_inference() else frame.detach())
        assert self._canvas is not None
        try:
            outputs = self.stream(self._canvas)
        except CaptureError as cause:
            height, width = self._canvas.shape[2:]
            raise CaptureError(
                f"the canvas of a moving camera is {height}x{width} pixels, the frame and a margin of {self.margin}, "
                "and the model does not take that: export it for the canvas or with open sizes, or let it watch "
                f"without following ({cause})"
            ) from cause
        return torch.utils._pytree.tree_map(self._cut, outputs)

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
        report = self.stream.report()
        if self._canvas is None:
            return report
        height, width = self._canvas.shape[2:]
        travel = self._travel / max(self._followed, 1)
        camera = CameraReport(self._size, (height, width), self._frames, travel, self.moves, self.lost)
        return replace(report, camera=camera)

    def change_maps(self) -> dict[str, torch.Tensor]:
        """Returns the part of the last frame's change maps that lies under the frame, by operator; (N, h, w)."""
        return {name: self._under_frame(mask) for name, mask in self.stream.change_maps().items()}

    @property
    def last_audit(self) -> Audited | None:
        """What the last frame's audit of the canvas found; None where it was not audited."""
        return self.stream.last_audit

    @property
    def last_frame(self) -> FrameCost:
        """What the last frame took; a dense pass is one of the whole canvas."""
        return self.stream.last_frame

    def _lay(self, frame: torch.Tensor) -> None:
        height, width = frame.shape[2:]
        canvas = self._canvas
        if (
            canvas is None
            or self._size != (height, width)
            or canvas.dtype != frame.dtype
            or canvas.shape[:2] != frame.shape[:2]
        ):
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
        self._frames = self._followed = self.lost = self.moves = 0
        self._travel = 0.0
        self._note(Laying.BEGUN, 0.0)
        self._remember(frame)

    def _note(self, laying: Laying, agreement: float) -> None:
        """Writes down where the frame was laid."""
        y, x = self._velocity
        self.last_laid = Laid(laying, y, x, agreement, self._position)
        self._frames += 1
        if laying in (Laying.FOLLOWED, Laying.MOVED):
            self._followed += 1
            self._travel += math.hypot(y, x)

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
            self._note(Laying.LOST, motion.agreement)
            return
        y, x = self._key_position[0] - motion.y, self._key_position[1] - motion.x
        self._velocity = (y - self._position[0], x - self._position[1])
        self._position = (self._kept_on_canvas(y), self._kept_on_canvas(x))
        moved = self._position != (y, x)
        self.moves += moved
        self._note(Laying.MOVED if moved else Laying.FOLLOWED, motion.agreement)
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
            raise ModelError(self._no_map(output))
        first = [place // stride for place in self._position]
        count = [side // stride for side in self._size]
        cut: torch.Tensor = output[..., first[0] : first[0] + count[0], first[1] : first[1] + count[1]]
        return cut

    def _under_frame(self, mask: torch.Tensor) -> torch.Tensor:
        """Returns what of a map (N, h, w) of the canvas lies under the frame; one of a single place as it is."""
        assert self._canvas is not None
        cut: list[slice] = []
        for here, whole, place, side in zip(
            mask.shape[1:], self._canvas.shape[2:], self._position, self._size, strict=True
        ):
            first = place * here // whole
            cut.append(slice(first, max(first + 1, first + side * here // whole)))
        return mask[:, cut[0], cut[1]]

    def _no_map(self, output: Any) -> str:
        assert self._canvas is not None
        given = tuple(output.shape) if isinstance(output, torch.Tensor) else type(output).__name__
        odd = any(side % _STEP for side in self._size)
        height, width = (max(_STEP, side // _STEP * _STEP) for side in self._size)
        hint = f"; its frames are {self._size[0]}x{self._size[1]}: try {height}x{width}" if odd else ""
        return (
            f"an output of {given} was found; a moving camera needs a network whose outputs are all maps "
            f"(N, C, H / s, W / s), here of a canvas of {tuple(self._canvas.shape[2:])}{hint}"
        )
