"""One policy on one part of a clip: its work, and what it misses of a dense pass."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from saccade.agreement import Spread
from saccade.calibration.goal import Goal
from saccade.policy import Calibrated
from saccade.runtime import Stream


@dataclass(frozen=True)
class Trial:
    """One policy on one part of the clip.

    Attributes:
        policy: that was tried.
        work: share of the dense pass's multiply-adds after the first frame.
        miss: error or disagreement over the frames after the first.
    """

    policy: Calibrated
    work: float
    miss: Spread


@dataclass(frozen=True, eq=False)
class Part:
    """Frames of the clip with what a dense pass says of them.

    Attributes:
        frames: as the stream takes them.
        outputs: as the stream's caller gets them.
        numbers: tensors that can be subtracted; the outputs themselves except for detectors.
    """

    frames: Sequence[Any]
    outputs: list[Any]
    numbers: list[Any]

    @classmethod
    def of(cls, stream: Stream, frames: Sequence[Any]) -> Part:
        """Returns the frames with what an exact stream says of them."""
        outputs, numbers = [], []
        for frame in frames:
            answer = stream(frame)
            outputs.append(answer)
            numbers.append(_numbers(stream, answer))
        return cls(frames, outputs, numbers)

    def attempt(self, stream: Stream, goal: Goal, policy: Calibrated) -> Trial:
        """Returns what a policy does on these frames, by a fresh stream of the same model."""
        twin = stream.with_policy(policy)
        misses = []
        for frame, outputs, numbers in zip(self.frames, self.outputs, self.numbers, strict=True):
            answer = twin(frame)
            misses.append(goal.miss(answer, _numbers(twin, answer), outputs, numbers))
        report = twin.report()
        dense = report.macs_dense / report.frames
        work = (report.macs_done - dense) / (dense * (report.frames - 1)) if dense else 0.0
        return Trial(policy, work, Spread.of(misses[1:]))


def _numbers(stream: Stream, answer: Any) -> Any:
    maps = getattr(stream, "maps", None)
    return answer if maps is None else maps
