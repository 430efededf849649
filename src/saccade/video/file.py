"""A video file as a source of frames."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av

from saccade.errors import SourceError
from saccade.video.decoding import Decoding
from saccade.video.frame import Frame, FrameSource
from saccade.video.length import USUAL_FRAME_RATE, Length


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
        self._length = Length.of(self._container)
        self.frame_rate = self._length.frame_rate
        self.size = (stream.height, stream.width)
        self.frames_expected = self._length.frames

    def __iter__(self) -> Iterator[Frame]:
        decoding = Decoding(self._container)
        count, first_time, time = 0, 0.0, 0.0
        for stamp, rgb in decoding.pictures():
            if count == 0:
                first_time = stamp or 0.0
            time = stamp - first_time if stamp is not None else count / (self.frame_rate or USUAL_FRAME_RATE)
            yield Frame(count, time, rgb)
            count += 1
        self.truncated = self._length.what_is_missing(self.name, decoding, count, time)

    def close(self) -> None:
        self._container.close()


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
