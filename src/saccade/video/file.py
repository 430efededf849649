"""A video file as a source of frames."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av

from saccade.errors import SourceError
from saccade.video.decoding import Decoding
from saccade.video.frame import Frame, FrameSource

# Containers count a few frames that edit lists or open groups of pictures never show.
_FRAMES_THAT_MAY_BE_MISSING = 2
_SECONDS_THAT_MAY_BE_MISSING = 1.0


class FileSource(FrameSource):
    """A video file, read by PyAV.

    Args:
        path: the file.

    Raises:
        SourceError: when it is empty, unreadable or not a video.
    """

    def __init__(self, path: Path) -> None:
        self.name = str(path)
        self._container = _open(path)
        stream = self._container.streams.video[0]
        self.frame_rate = float(stream.average_rate) if stream.average_rate else None
        self.size = (stream.height, stream.width)
        self._seconds_expected = _seconds(self._container, stream)
        self.frames_expected = stream.frames or _round_up(self._seconds_expected, self.frame_rate)
        self._count_is_exact = bool(stream.frames)

    def __iter__(self) -> Iterator[Frame]:
        decoding = Decoding(self._container)
        count, first_time, time = 0, 0.0, 0.0
        for stamp, rgb in decoding.pictures():
            if count == 0:
                first_time = stamp or 0.0
            time = stamp - first_time if stamp is not None else count / (self.frame_rate or 25.0)
            yield Frame(count, time, rgb)
            count += 1
        self.truncated = self._what_is_missing(decoding, count, time)
        if count == 0:
            raise SourceError(
                f"no frame could be decoded from {self.name!r} ({decoding.broken or 'no picture in it'}): "
                "expected a video with at least one whole frame; record or download the file again"
            )

    def close(self) -> None:
        self._container.close()

    def _what_is_missing(self, decoding: Decoding, count: int, time: float) -> str | None:
        of = f" of {self.frames_expected}" if self.frames_expected and count <= self.frames_expected else ""
        if decoding.broken or decoding.tail_damaged:
            reason = decoding.broken or "its last packets are damaged"
            return f"{self.name!r} is truncated: it breaks off after {count}{of} frames ({reason})"
        if self._is_short(count, time):
            return f"{self.name!r} is truncated: it ends after {count}{of} frames"
        if decoding.damaged:
            return f"{self.name!r} is damaged: {decoding.damaged} packets could not be decoded and were left out"
        return None

    def _is_short(self, count: int, time: float) -> bool:
        if self._count_is_exact and self.frames_expected:
            return count < self.frames_expected - _FRAMES_THAT_MAY_BE_MISSING
        if self._seconds_expected is None:
            return False
        return time + 1 / (self.frame_rate or 25.0) < self._seconds_expected - _SECONDS_THAT_MAY_BE_MISSING


def _open(path: Path) -> Any:
    """Opens the file and makes sure that it holds a video stream."""
    try:
        empty = path.stat().st_size == 0
    except OSError as error:
        raise SourceError(f"cannot read {str(path)!r}: {error.strerror}; expected a readable video file") from error
    if empty:
        raise SourceError(f"{str(path)!r} is empty (0 bytes): expected a video file; record or download it again")
    try:
        container = av.open(str(path), metadata_errors="ignore")
    except (av.error.FFmpegError, OSError) as error:
        raise SourceError(
            f"{str(path)!r} is not a video that can be read ({error.strerror}): expected a file that FFmpeg "
            "decodes, such as .mp4, .mkv or .avi; if it is one, it may be cut off before its index"
        ) from error
    if not container.streams.video or container.streams.video[0].codec_context.codec is None:
        container.close()
        raise SourceError(f"{str(path)!r} holds no picture: expected a file with a video stream in a known codec")
    return container


def _seconds(container: Any, stream: Any) -> float | None:
    """Returns how long the video should last: the stream's own word, else the container's if it has only video."""
    if stream.duration and stream.time_base:
        return float(stream.duration * stream.time_base)
    if container.duration and len(container.streams) == 1:
        return float(container.duration) / av.time_base
    return None


def _round_up(seconds: float | None, rate: float | None) -> int | None:
    return round(seconds * rate) if seconds and rate else None
