"""What a stream did: active share, multiply-adds, time and fallbacks, operator by operator."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from saccade.agreement import json_fields

if TYPE_CHECKING:
    from saccade.runtime.account import Foresight
    from saccade.runtime.audit_report import AuditReport
    from saccade.runtime.camera_report import CameraReport
    from saccade.runtime.pacing import Pacing
    from saccade.runtime.program import Program


@dataclass
class FallbackCounter:
    """Calls and seconds of one fallback."""

    calls: int = 0
    seconds: float = 0.0

    def add(self, seconds: float) -> None:
        """Counts one call."""
        self.calls += 1
        self.seconds += seconds


@dataclass(frozen=True)
class FrameCost:
    """What the last frame took.

    Attributes:
        macs_done: multiply-adds executed.
        macs_dense: multiply-adds of a dense pass.
        milliseconds: wall-clock time of the call.
        input_share: share of the first input's places that changed, 0..1.
    """

    macs_done: int
    macs_dense: int
    milliseconds: float
    input_share: float


@dataclass(frozen=True)
class OperatorReport:
    """One operator since the last reset.

    Attributes:
        name: of the operator, or of the module that it came from.
        kind: such as "convolution"; "fallback" runs in torch.
        active_share: mean share of its places that were recomputed; above 1 where frames were computed more than once,
            to measure errors or after an audit.
        macs_done: multiply-adds executed.
        macs_dense: multiply-adds of as many dense passes.
        seconds: time spent.
        fused: operators computed as a part of it.
        reason: why a fallback is not native.
    """

    name: str
    kind: str
    active_share: float
    macs_done: int
    macs_dense: int
    seconds: float
    fused: tuple[str, ...] = ()
    reason: str = ""


@dataclass(frozen=True)
class Report:
    """What a stream did since the last reset. Prints as a table.

    Attributes:
        frames: frames taken.
        macs_done: multiply-adds executed, those among them that a policy spends on measuring errors, and those that are
            made twice where a depthwise layer's input is not kept: a dense pass may count one or two per cent too many.
        macs_dense: multiply-adds of as many dense passes.
        seconds: time spent in calls.
        memory_bytes: the session's memory.
        operators: one row each, in the order they run.
        held: frames for which nothing was computed, by the policy's verdict.
        keyframes: frames that were computed afresh, by the policy's verdict or after a breach of an audit's limit; the
            first frame is not counted.
        audit: what audits measured; None where there are none; their time and multiply-adds are not counted above.
        camera: how a moving camera was followed; None where no camera was.
        foresight: the error that the policy allows and what was foreseen of it; None where it goes by other rules.
        frames_before: frames taken before their shape last changed; the operators' rows are those of the later ones.
    """

    frames: int
    macs_done: int
    macs_dense: int
    seconds: float
    memory_bytes: int
    operators: tuple[OperatorReport, ...]
    held: int = 0
    keyframes: int = 0
    audit: AuditReport | None = None
    camera: CameraReport | None = None
    foresight: Foresight | None = None
    frames_before: int = 0

    def after(self, earlier: Report) -> Report:
        """Returns this report with the totals of an earlier one, of frames of another shape, added."""
        return replace(
            self,
            frames=earlier.frames + self.frames,
            macs_done=earlier.macs_done + self.macs_done,
            macs_dense=earlier.macs_dense + self.macs_dense,
            seconds=earlier.seconds + self.seconds,
            held=earlier.held + self.held,
            keyframes=earlier.keyframes + self.keyframes,
            frames_before=earlier.frames,
        )

    def to_dict(self) -> dict[str, Any]:
        """Returns plain dictionaries, lists and numbers; None in the place of a number that is not finite."""
        return asdict(self, dict_factory=json_fields)

    def __str__(self) -> str:
        width = max([len("operator"), *(min(len(row.name), 44) for row in self.operators)])
        lines = [f"{'operator':{width}}  {'kind':22} {'active':>7} {'MMACs done':>11} {'of dense':>9} {'ms/frame':>9}"]
        frames = max(self.frames - self.frames_before, 1)
        for row in self.operators:
            share = f"{row.macs_done / row.macs_dense:9.1%}" if row.macs_dense else " " * 9
            lines.append(
                f"{row.name[-width:]:{width}}  {row.kind:22} {row.active_share:7.1%} {row.macs_done / 1e6:11.1f}"
                f" {share}"
                f" {row.seconds / frames * 1e3:9.3f}" + (f"  {row.reason}" if row.reason else "")
            )
        lines.append(self.summary())
        lines.extend(str(part) for part in (self.foresight, self.audit, self.camera) if part is not None)
        return "\n".join(lines)

    def summary(self) -> str:
        """Returns the totals in one line."""
        share = self.macs_done / self.macs_dense if self.macs_dense else 0.0
        frames = max(self.frames, 1)
        judged = f" ({self.held} held, {self.keyframes} keyframes)" if self.held or self.keyframes else ""
        return (
            f"{self.frames} frames{judged}, {self.macs_done / 1e6:.1f} of {self.macs_dense / 1e6:.1f} million "
            f"multiply-adds ({share:.1%}), {self.seconds / frames * 1e3:.2f} ms a frame, "
            f"{self.memory_bytes / 2**20:.1f} MiB"
        )


def make_report(
    program: Program,
    counters: Sequence[tuple[int, int, float]],
    fallbacks: dict[str, FallbackCounter],
    frames: int,
    seconds: float,
    memory_bytes: int,
    pacing: Pacing,
) -> Report:
    """Returns the report of a session's counters."""
    rows = []
    for step, macs, (done, nanoseconds, active) in zip(
        program.native_steps, program.native.macs, counters, strict=True
    ):
        share = active / frames if frames else 0.0
        rows.append(
            OperatorReport(step.name, step.operator.kind, share, done, macs * frames, nanoseconds / 1e9, step.fused)
        )
    for operator in program.graph.fallbacks():
        counter = fallbacks[operator.name]
        share = counter.calls / frames if frames else 0.0
        name = f"{operator.name} ({operator.target})"
        rows.append(OperatorReport(name, "fallback", share, 0, 0, counter.seconds, (), operator.reason))
    foresight = None if pacing.account is None else pacing.account.foresight()
    done = sum(row.macs_done for row in rows)
    dense = sum(row.macs_dense for row in rows)
    keyframes = max(pacing.keyframes - 1, 0)
    return Report(frames, done, dense, seconds, memory_bytes, tuple(rows), pacing.holds, keyframes, foresight=foresight)
