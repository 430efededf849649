"""From an open PyAV container to pictures; shared by files, webcams and network addresses."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import av
import numpy as np
import numpy.typing as npt


@dataclass(eq=False)
class Decoding:
    """One pass over the pictures of a container.

    Attributes:
        container: the open PyAV container.
        broken: the error that ended the reading early, as text, or None.
        damaged: how many packets could not be decoded and were left out.
        tail_damaged: whether the last packets were among them.
    """

    container: Any
    broken: str | None = None
    damaged: int = 0
    tail_damaged: bool = False

    def pictures(self) -> Iterator[tuple[float | None, npt.NDArray[np.uint8]]]:
        """Yields (time in seconds or None, rgb of (H, W, 3) uint8) until the end or the break."""
        stream = self.container.streams.video[0]
        stream.thread_type = "AUTO"
        packets = self.container.demux(stream)
        while True:
            try:
                packet = next(packets)
            except StopIteration:
                return
            except (av.error.FFmpegError, OSError) as error:
                self.broken = _reason(error)
                yield from _last_pictures(stream)
                return
            try:
                frames = packet.decode()
            except av.error.EOFError:
                return
            except (av.error.FFmpegError, OSError):
                self.damaged += 1
                self.tail_damaged = True
                continue
            for frame in frames:
                self.tail_damaged = False
                yield _time(frame), _rgb(frame)


def _last_pictures(stream: Any) -> Iterator[tuple[float | None, npt.NDArray[np.uint8]]]:
    """Yields what the decoder still holds after the file broke off."""
    try:
        frames = stream.decode(None)
    except (av.error.FFmpegError, OSError):
        return
    for frame in frames:
        yield _time(frame), _rgb(frame)


def _time(frame: Any) -> float | None:
    time = frame.time
    return float(time) if time is not None and math.isfinite(time) else None


def _rgb(frame: Any) -> npt.NDArray[np.uint8]:
    rgb: npt.NDArray[np.uint8] = frame.to_ndarray(format="rgb24")
    quarter_turns = round(getattr(frame, "rotation", 0) / 90) % 4
    return np.ascontiguousarray(np.rot90(rgb, quarter_turns)) if quarter_turns else rgb


def _reason(error: BaseException) -> str:
    """Returns the error's own words, without the file name that PyAV appends."""
    return str(getattr(error, "strerror", None) or type(error).__name__)
