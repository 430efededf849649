"""How long a recording should be by its container's word, and what is missing from it once it was read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import av

from saccade.errors import SourceError
from saccade.video.decoding import Decoding

USUAL_FRAME_RATE = 25.0
# Containers count a few frames that edit lists or open groups of pictures never show.
_FRAMES_THAT_MAY_BE_MISSING = 2
_SECONDS_THAT_MAY_BE_MISSING = 1.0


@dataclass(frozen=True)
class Length:
    """What a container says of its video's length.

    Attributes:
        frames: how many there should be, or None when that is unknown.
        seconds: how long they should last, or None when that is unknown.
        frame_rate: frames per second, or None when unknown.
        is_counted: whether the frames are the container's own count, and not reckoned from the seconds.
    """

    frames: int | None
    seconds: float | None
    frame_rate: float | None
    is_counted: bool

    @classmethod
    def of(cls, container: Any) -> Length:
        """Returns the length of an open PyAV container's first video stream."""
        stream = container.streams.video[0]
        rate = float(stream.average_rate) if stream.average_rate else None
        seconds = _seconds(container, stream)
        reckoned = round(seconds * rate) if seconds and rate else None
        return cls(stream.frames or reckoned, seconds, rate, bool(stream.frames))

    def what_is_missing(self, name: str, decoding: Decoding, count: int, time: float) -> str | None:
        """Returns what is wrong with a recording that was read to its end, or None when it was whole.

        Args:
            name: of the source.
            decoding: the pass over its pictures.
            count: frames that it gave.
            time: of the last one, in seconds since the first.

        Raises:
            SourceError: when it gave no frame.
        """
        if count == 0:
            raise SourceError(
                f"no frame could be decoded from {name!r} ({decoding.broken or 'no picture in it'}): "
                "expected a video with at least one whole frame; record or download the file again"
            )
        of = f" of {self.frames}" if self.frames and count <= self.frames else ""
        if decoding.broken or decoding.tail_damaged:
            reason = decoding.broken or "its last packets are damaged"
            return f"{name!r} is truncated: it breaks off after {count}{of} frames ({reason})"
        if self._is_longer_than(count, time):
            return f"{name!r} is truncated: it ends after {count}{of} frames"
        if decoding.damaged:
            return f"{name!r} is damaged: {decoding.damaged} packets could not be decoded and were left out"
        return None

    def _is_longer_than(self, count: int, time: float) -> bool:
        if self.is_counted and self.frames:
            return count < self.frames - _FRAMES_THAT_MAY_BE_MISSING
        if self.seconds is None:
            return False
        return time + 1 / (self.frame_rate or USUAL_FRAME_RATE) < self.seconds - _SECONDS_THAT_MAY_BE_MISSING


def _seconds(container: Any, stream: Any) -> float | None:
    """Returns how long the video should last: the stream's own word, else the container's if it has only video."""
    if stream.duration and stream.time_base:
        return float(stream.duration * stream.time_base)
    if container.duration and len(container.streams) == 1:
        return float(container.duration) / av.time_base
    return None
