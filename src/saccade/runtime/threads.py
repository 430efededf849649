"""How many threads a session uses."""

from __future__ import annotations

import os

from saccade.errors import SaccadeError


def thread_count(threads: int | None) -> int:
    """Returns ``threads``, or the processors that this process may use.

    Raises:
        SaccadeError: when ``threads`` is not a positive whole number.
    """
    if threads is None:
        return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    if isinstance(threads, bool) or not isinstance(threads, int) or threads < 1:
        raise SaccadeError(f"threads={threads!r} was given; expected a whole number from 1 up, or None to choose")
    return threads
