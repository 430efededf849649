"""What was done with each frame of a run, for the events file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from saccade.runtime import Report


class Verdicts:
    """Tells from a stream's counts what was done with its last frame; to be asked after every frame.

    A stream's first frame is a keyframe, and so is the first of another size and one computed afresh after an audit's
    breach.
    """

    def __init__(self) -> None:
        self._before: Report | None = None

    def after(self, stream: Any) -> dict[str, str]:
        """Returns the event's entry: "held", "updated" or "keyframe"."""
        before, self._before = self._before, stream.report()
        return {"verdict": _verdict(before, self._before)}


def _verdict(before: Report | None, now: Report) -> str:
    if before is None or now.frames <= before.frames or now.frames_before != before.frames_before:
        return "keyframe"
    if now.keyframes > before.keyframes:
        return "keyframe"
    return "held" if now.held > before.held else "updated"
