"""What a frame cost, as the stream tells it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class FrameCost:
    """What one frame cost.

    Attributes:
        macs_done: multiply-accumulates computed, or None when unknown.
        macs_dense: multiply-accumulates of the dense pass, or None when unknown.
        milliseconds: time in the engine.
        input_share: share of the input's pixels that changed, 0 to 1, or None when unknown.
    """

    macs_done: int | None
    macs_dense: int | None
    milliseconds: float
    input_share: float | None

    @property
    def work_share(self) -> float | None:
        """Multiply-accumulates done over dense, 0 to 1, or None when unknown."""
        if self.macs_done is None or not self.macs_dense:
            return None
        return self.macs_done / self.macs_dense


def frame_cost(stream: Any, milliseconds: float) -> FrameCost:
    """Returns what the stream's last frame cost; a stream without ``last_frame`` leaves all but the time unknown."""
    last = getattr(stream, "last_frame", None)
    return FrameCost(
        getattr(last, "macs_done", None),
        getattr(last, "macs_dense", None),
        float(getattr(last, "milliseconds", None) or milliseconds),
        getattr(last, "input_share", None),
    )
