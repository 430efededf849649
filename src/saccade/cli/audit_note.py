"""What audits of a stream find, frame by frame: for the events file and the picture."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from saccade.runtime import Audited


def audit_event(audited: Audited | None) -> dict[str, Any]:
    """Returns the event's entry of a frame that was audited, and nothing for others."""
    if audited is None:
        return {}
    entry = {
        "relative_error": audited.error,
        "relative_errors": {name or "output": error for name, error in audited.errors.items()},
        "disagreement": audited.disagreement,
        "metric": audited.metric,
        "frames_since_keyframe": audited.since_keyframe,
        "breach": audited.breach,
    }
    return {"audit": entry}


class AuditNote:
    """Words for the picture: the error and the disagreement measured last, and how many breaches there were.

    They are few, so that they fit beside the title of a picture that is 640 pixels wide.
    """

    def __init__(self) -> None:
        self._last: Audited | None = None
        self._frames_ago = 0
        self._breaches = 0

    def after(self, audited: Audited | None) -> tuple[str, bool]:
        """Takes the next frame's audit, or None, and returns the words and whether it was a breach."""
        self._frames_ago += 1
        if audited is not None:
            self._last, self._frames_ago = audited, 0
            self._breaches += audited.breach
        if self._last is None:
            return "", False
        ago = f" ({self._frames_ago} ago)" if self._frames_ago else ""
        breaches = f", {self._breaches} {'breach' if self._breaches == 1 else 'breaches'}" if self._breaches else ""
        found = f"error {self._last.error:.2g}, {self._last.metric} {self._last.disagreement:.0%}"
        return f"{found}{ago}{breaches}", audited is not None and audited.breach
