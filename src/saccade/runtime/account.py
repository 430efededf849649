"""Keeps one stream within the error that its policy allows: measures what is allowed, and learns what holding costs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch

from saccade.policy import Allowance, Outlook
from saccade.runtime.answers import Answers
from saccade.runtime.comparison import compare_cells
from saccade.runtime.recompression import is_picture, recompressed_frame
from saccade.runtime.thresholds import UNIT

if TYPE_CHECKING:
    from saccade.policy.change import CellChange
    from saccade.runtime.session import Session

FIRST_REVIEW = 32
"""Frames after which errors are measured for the second time; then after twice as many each time, up to the last."""
LAST_INTERVAL = 1024
_HASTE = 0.7
_LARGEST_STEP = 2.0
_LARGEST_SCALE = 4.0


@dataclass(frozen=True)
class Foresight:
    """What a stream foresaw of its error.

    Attributes:
        allowed: relative L2 error in the mean.
        foreseen: mean over all frames of what was foreseen; an audit measures what it was.
        passes: dense passes made to measure errors.
    """

    allowed: float
    foreseen: float
    passes: int

    def __str__(self) -> str:
        over = ", more than allowed as yet" if self.foreseen > self.allowed else ""
        return (
            f"error allowed {self.allowed:.3f}, foreseen {self.foreseen:.3f} in the mean{over}; {self.passes} dense "
            "passes to measure it"
        )


class Account:
    """One stream's error: what it may be, and what is known of it.

    Attributes:
        allowance: what the policy allows.
        outlook: what was learned; None before the first frame.
        scale: of the thresholds of what layers tell each other, corrected by what their error was measured to be.
        passes: dense passes made to measure errors.
    """

    def __init__(self, allowance: Allowance) -> None:
        self.allowance = allowance
        self.outlook: Outlook | None = None
        self.scale = 1.0
        self.passes = 0
        self._said = Answers()
        self._again: Answers | None = None
        self._recompression: CellChange | None = None
        self._recompressed = 0.0  # sum of errors, each times the frames that it stands for
        self._frames_known = 0
        self._frames = 0
        self._foreseen = 0.0
        self._review = self._reviewed = 0

    @property
    def threshold_factor(self) -> float:
        """What thresholds are multiplied by, which are stated in units of the error that is allowed."""
        return 0.0 if self.outlook is None else self.outlook.allowed / UNIT * self.scale

    def spend(self, error: float) -> None:
        """Counts a frame and its foreseen error."""
        self._frames += 1
        if self.outlook is not None and math.isfinite(error):
            self.outlook.spend(error)
            self._foreseen += error

    def foresight(self) -> Foresight | None:
        """Returns what was foreseen; None before the first frame."""
        if self.outlook is None:
            return None
        return Foresight(self.outlook.allowed, self._foreseen / max(self._frames, 1), self.passes)

    def begin(self, session: Session, frames: Sequence[torch.Tensor]) -> None:
        """Measures what is allowed where that is due, before a frame is computed: a network that is exact gets there
        from the re-encoded frame as it does from any other.
        """
        if self._is_due and not session.program.transmissions:
            self._again = self._recompress(session, frames)

    def settle(self, session: Session, frames: Sequence[torch.Tensor], outputs: Any, change: CellChange | None) -> bool:
        """Learns from a frame that was computed.

        Args:
            session: that computed it.
            frames: the network's inputs.
            outputs: what was answered.
            change: of the picture since the frame computed before; None where it is not known or of another scene.

        Returns:
            Whether errors were measured anew, so that thresholds are to be set.
        """
        error = self._said.take_over(outputs)
        if self.outlook is not None and change is not None:
            self.outlook.learn(change, error)
        if not self._is_due:
            return False
        since, self._reviewed = self._frames - self._reviewed, self._frames
        self._review = self._frames + min(max(self._frames, FIRST_REVIEW), LAST_INTERVAL)
        if session.program.transmissions:
            again = self._recompress(session, frames)
            right = self._pass(session, frames)
            if self.outlook is not None:
                self._correct(session, self._said.difference(right))
            self._said = right
        else:
            again, self._again = self._again, None
            right = self._said
        recompressed = math.nan if again is None else again.difference(right)
        if math.isfinite(recompressed):
            self._recompressed += recompressed * max(since, 1)
            self._frames_known += max(since, 1)
        allowed = self.allowance.error
        if allowed is None:
            allowed = self.allowance.share * self._recompressed / max(self._frames_known, 1)
        if self.outlook is None:
            self.outlook = Outlook.at(self.allowance, allowed)
            if self._recompression is not None:  # the first pair of a change and its error
                self.outlook.learn(self._recompression, recompressed)
        self.outlook.allowed = allowed
        return True

    @property
    def _is_due(self) -> bool:
        return self._frames >= self._review

    def _recompress(self, session: Session, frames: Sequence[torch.Tensor]) -> Answers | None:
        if self.allowance.error is not None or not is_picture(frames[0]):
            return None
        again = recompressed_frame(frames[0], self.allowance.quality)
        if self.outlook is None:
            self._recompression = compare_cells(again, frames[0])
        return self._pass(session, [again, *frames[1:]])

    def _pass(self, session: Session, frames: Sequence[torch.Tensor]) -> Answers:
        self.passes += 1
        return Answers.of(session.pass_through(frames))

    def _correct(self, session: Session, error: float) -> None:
        """Brings the error of updates nearer to the layers' share of what is allowed."""
        assert self.outlook is not None
        assert session.program.tolerance is not None
        wanted = session.program.tolerance.threshold * self.outlook.allowed
        self.outlook.updated = max(error, wanted) if math.isfinite(error) else self.outlook.allowed
        if error > 0 and math.isfinite(error):
            step = min(max((wanted / error) ** _HASTE, 1 / _LARGEST_STEP), _LARGEST_STEP)
            self.scale = min(self.scale * step, _LARGEST_SCALE)
