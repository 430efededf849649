"""Honest error: some frames are computed a second time, densely, and what the stream said is measured against that."""

from __future__ import annotations

import random
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from saccade.agreement import Disagreement, Metric, Spread, fitting_metric, relative_errors, resolve_metric
from saccade.errors import AuditError
from saccade.policy.fields import is_number
from saccade.runtime.audit_report import Audited, AuditReport, drift_of

if TYPE_CHECKING:
    from saccade.runtime.session import Session

KEPT = 10_000
"""Audited frames whose numbers are kept, so that a stream without end needs no memory without end."""


@dataclass(frozen=True)
class Audit:
    """Which frames are audited, and what is done about the error.

    Attributes:
        frames: a whole number N from 1 up audits one frame in every N, at a place within each N that a seed draws: a
            fixed step would meet a policy of fixed steps, such as hold:2, always at the same foot. A share between 0
            and 1 audits each frame with that probability.
        limit: relative L2 error of any output above which the frame is computed afresh, a finite number from 0 up;
            None only measures.
        metric: of the task's outputs: a name, a function, or None for the one that suits them; see
            ``saccade.agreement``.
        seed: of the schedule.
    """

    frames: float
    limit: float | None = None
    metric: str | Disagreement | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        number = self.frames
        if not (is_number(number) and number > 0 and (number < 1 or number % 1 == 0)):
            raise AuditError(
                f"an audit of {number!r} was given; expected a whole number of frames from 1 up, of which one is "
                "audited, or a share of the frames between 0 and 1"
            )
        if self.limit is not None and not is_number(self.limit):
            raise AuditError(
                f"an error limit of {self.limit!r} was given; expected a finite relative L2 error of 0 or more, such "
                "as 0.1"
            )
        if self.metric is not None:
            resolve_metric(self.metric)


def make_audit(
    frames: float | None, limit: float | None = None, metric: str | Disagreement | None = None
) -> Audit | None:
    """Returns the audit that the arguments ask for, or None for none.

    Raises:
        AuditError: when a number is out of range, or a limit or a metric is given without an audit.
        MetricError: when the metric is not known.
    """
    if frames is not None:
        return Audit(frames, limit, metric)
    for name, given in (("an error limit", limit), ("a metric", metric)):
        if given is not None:
            raise AuditError(
                f"{name} of {given} was given without an audit; say how often the error is measured too, for example "
                "an audit of 30: one frame in 30"
            )
    return None


class Schedule:
    """Decides frame by frame which are audited."""

    def __init__(self, audit: Audit) -> None:
        self._random = random.Random(audit.seed)
        self._frames = audit.frames
        self._left_in_block = 0
        self._until_audit = 0

    def due(self) -> bool:
        """Returns whether the next frame is audited."""
        if self._frames < 1:
            return self._random.random() < self._frames
        if self._left_in_block == 0:
            self._left_in_block = int(self._frames)
            self._until_audit = self._random.randrange(self._left_in_block)
        self._left_in_block -= 1
        self._until_audit -= 1
        return self._until_audit == -1


class Auditor:
    """Audits one stream.

    Attributes:
        audit: which frames, and the limit.
        last: what the last frame's audit found; None where it was not audited.
    """

    def __init__(self, audit: Audit) -> None:
        self.audit = audit
        self._metric: Metric | None = None if audit.metric is None else resolve_metric(audit.metric)
        self.reset()

    def reset(self) -> None:
        """Forgets all audits and starts the schedule again."""
        self.last: Audited | None = None
        self._schedule = Schedule(self.audit)
        self._kept: deque[Audited] = deque(maxlen=KEPT)
        self._seen = self._audited = self._breaches = self._macs = 0
        self._seconds = 0.0

    def inspect(
        self,
        session: Session,
        arguments: tuple[Any, ...],
        keywords: dict[str, Any],
        outputs: Any,
        task: Callable[[Any], Any],
    ) -> Any:
        """Audits a frame if it is due.

        Args:
            session: that computed it.
            arguments, keywords: the frame, as the session was called with it.
            outputs: what the session answered.
            task: from the session's outputs to those that the metric reads.

        Returns:
            The outputs; after a breach those of the dense pass, with nothing of earlier frames left in the session.

        Raises:
            MetricError: when the metric raises or cannot read the outputs.
        """
        index, self.last = self._seen, None
        self._seen += 1
        if not self._schedule.due():
            return outputs
        began = time.perf_counter()
        dense = session.dense(*arguments, **keywords)
        errors = relative_errors(outputs, dense)
        right, judged = task(dense), task(outputs)
        if self._metric is None:
            self._metric = fitting_metric(right)
        disagreement = self._metric(right, judged)
        limit = self.audit.limit
        breach = limit is not None and not max(errors.values(), default=0.0) <= limit
        self.last = Audited(index, session.since_keyframe, errors, disagreement, self._metric.name, breach)
        self._kept.append(self.last)
        self._audited += 1
        self._breaches += breach
        self._macs += session.macs_dense
        self._seconds += time.perf_counter() - began
        return session.refresh(*arguments, **keywords) if breach else outputs

    def report(self) -> AuditReport:
        """Returns what was found since the last reset."""
        names = dict.fromkeys(name for audit in self._kept for name in audit.errors)
        return AuditReport(
            frames=self._audited,
            breaches=self._breaches,
            limit=self.audit.limit,
            metric="" if self._metric is None else self._metric.name,
            error=Spread.of(audit.error for audit in self._kept),
            outputs={
                name: Spread.of(audit.errors[name] for audit in self._kept if name in audit.errors) for name in names
            },
            disagreement=Spread.of(audit.disagreement for audit in self._kept),
            drift=drift_of(list(self._kept)),
            macs=self._macs,
            seconds=self._seconds,
        )
