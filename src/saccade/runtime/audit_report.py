"""What audits of a stream found: measured error, how it drifts, and what it does to the task."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from saccade.agreement import Spread

AGES = (0, 1, 11, 31, 100, 300)
"""Where the ranges of frames since a keyframe begin, over which drift is reported; the last is open."""


@dataclass(frozen=True)
class Audited:
    """What the audit of one frame found.

    Attributes:
        index: of the frame in its stream, from 0.
        since_keyframe: frames since the last keyframe; 0 is the keyframe itself.
        errors: relative L2 error of each output against the engine's dense pass, by the output's name.
        disagreement: of the task's outputs, 0..1, as the metric counts it.
        metric: its name.
        breach: whether the error was above the limit, so that the frame was computed afresh.
    """

    index: int
    since_keyframe: int
    errors: dict[str, float]
    disagreement: float
    metric: str
    breach: bool

    @property
    def error(self) -> float:
        """The largest error among the outputs."""
        return max(self.errors.values(), default=0.0)


@dataclass(frozen=True)
class Drift:
    """Error at some age of what a stream remembers.

    Attributes:
        first, last: range of frames since a keyframe; ``last`` is None for all from ``first`` on.
        frames: audited frames of that age.
        error: their errors.
    """

    first: int
    last: int | None
    frames: int
    error: Spread


@dataclass(frozen=True)
class AuditReport:
    """What the audits of a stream found since the last reset.

    Errors are those of what the policy had computed, before a breach replaced it. They are taken over the last
    ``KEPT`` audited frames (see ``saccade.runtime.audit``); the counts are over all.

    Attributes:
        frames: audited frames.
        breaches: how many of them were above the limit and were computed afresh.
        limit: of the relative L2 error; None where there is none.
        metric: name of the metric of the task's outputs; "" before the first audit.
        error: the largest error among the outputs of each audited frame.
        outputs: the errors of each output, by its name.
        disagreement: of the task's outputs.
        drift: the errors by frames since the last keyframe, for every range that occurred.
        macs: multiply-adds of the audits' dense passes, which the rest of the report leaves out.
        seconds: time of the audits, likewise.
    """

    frames: int
    breaches: int
    limit: float | None
    metric: str
    error: Spread
    outputs: dict[str, Spread]
    disagreement: Spread
    drift: tuple[Drift, ...]
    macs: int
    seconds: float

    def __str__(self) -> str:
        if not self.frames:
            return "audit: no frame yet"
        lines = [
            f"audit: {self.frames} frames; relative error {self.error}; {self.metric} disagreement "
            f"{self.disagreement.mean:.2%}; {self.seconds / self.frames * 1e3:.2f} ms an audit"
        ]
        if self.limit is not None:
            breaches, each = ("1 breach", "a") if self.breaches == 1 else (f"{self.breaches} breaches", "each a")
            lines.append(f"       {breaches} of the error limit {self.limit:g}, {each} keyframe")
        if len(self.outputs) > 1:
            lines.extend(f"       {name}: {spread}" for name, spread in self.outputs.items())
        ages = ", ".join(f"{_age(entry)}: {_mean(entry.error)}" for entry in self.drift)
        return "\n".join([*lines, f"       mean error by frames since the last keyframe: {ages}"])


def drift_of(audits: Sequence[Audited]) -> tuple[Drift, ...]:
    """Returns the errors by age, for every range of ``AGES`` that occurred."""
    found = []
    for first, following in zip(AGES, (*AGES[1:], None), strict=True):
        errors = [
            audit.error
            for audit in audits
            if audit.since_keyframe >= first and (following is None or audit.since_keyframe < following)
        ]
        if errors:
            last = None if following is None else following - 1
            found.append(Drift(first, last, len(errors), Spread.of(errors)))
    return tuple(found)


def _mean(spread: Spread) -> str:
    counted = f" and {spread.infinite} infinite" if spread.infinite else ""
    return f"{spread.mean:.3g}{counted}" if math.isfinite(spread.mean) else f"{spread.infinite} infinite"


def _age(entry: Drift) -> str:
    if entry.last is None:
        return f"{entry.first} and more"
    return str(entry.first) if entry.first == entry.last else f"{entry.first}-{entry.last}"
