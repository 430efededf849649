"""A network address as a source of frames: reconnects when the connection breaks, and keeps passwords to itself."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import av

from saccade.errors import SourceError
from saccade.video.address import redact
from saccade.video.decoding import Decoding
from saccade.video.frame import Frame, FrameSource
from saccade.video.length import USUAL_FRAME_RATE, Length

_SECONDS_TO_OPEN_AND_READ = (10.0, 10.0)
_LONGEST_PAUSE = 30.0


class NetworkSource(FrameSource):
    """An address that PyAV can read, such as rtsp:// or http://.

    A live address (no known end) is opened again when it breaks off, after 1, 2, 4, ... at most 30 seconds; the
    count starts anew with every frame that arrives. A recording (known length) ends where it ends or breaks.

    Args:
        address: the address, with user name and password where the camera wants them.
        retries: how often in a row to reconnect before giving up.
        sleep: waits so many seconds.
        notify: is told of every reconnection in one line without secrets.

    Raises:
        SourceError: when the first connection fails.
    """

    def __init__(
        self,
        address: str,
        retries: int = 6,
        sleep: Callable[[float], None] = time.sleep,
        notify: Callable[[str], None] = lambda line: None,
    ) -> None:
        self.name = redact(address)
        self.notify = notify
        self._address = address
        self._retries = retries
        self._sleep = sleep
        self._container: Any = None
        problem = self._connect()
        if problem:
            raise SourceError(
                f"cannot read {self.name!r} ({problem}): expected a video stream at that address; "
                "check that it is reachable and that user name and password are right"
            )
        opened: Any = self._container
        stream = opened.streams.video[0]
        self._length = Length.of(opened)
        self.frame_rate = self._length.frame_rate
        self.size = (stream.height, stream.width) if stream.height else None
        self._is_recording = bool(opened.duration)
        self.frames_expected = self._length.frames if self._is_recording else None

    def __iter__(self) -> Iterator[Frame]:
        index, latest = 0, 0.0
        while True:
            decoding = Decoding(self._container)
            step = 1 / (self.frame_rate or USUAL_FRAME_RATE)
            offset = None
            for stamp, rgb in decoding.pictures():
                following = latest + step if index else 0.0
                offset = following - (stamp or 0.0) if offset is None else offset
                time = stamp + offset if stamp is not None else following
                # A camera that sets its clock back must not set ours back.
                latest = time if time > latest or not index else following
                yield Frame(index, latest, rgb)
                index += 1
            if self._is_recording:
                self.truncated = self._length.what_is_missing(self.name, decoding, index, latest)
                return
            problem = self._reconnect(decoding.broken or "the connection was closed")
            if problem:
                self.truncated = f"{self.name!r} stopped after {index} frames and did not come back: {problem}"
                return

    def close(self) -> None:
        if self._container is not None:
            self._container.close()
            self._container = None

    def _reconnect(self, problem: str | None) -> str | None:
        """Tries to connect again, each time after a longer pause; returns what went wrong, or None."""
        for attempt in range(self._retries):
            pause = min(2.0**attempt, _LONGEST_PAUSE)
            self.notify(f"{self.name}: {problem}; connecting again in {pause:.0f} s ({attempt + 1}/{self._retries})")
            self._sleep(pause)
            problem = self._connect()
            if problem is None:
                return None
        return problem

    def _connect(self) -> str | None:
        """Opens the address; returns what went wrong, or None.

        The problem is text, not an exception: PyAV's exceptions hold the address with its password, and would
        be printed as the cause of ours.
        """
        self.close()
        options = {"rtsp_transport": "tcp"} if self._address.lower().startswith("rtsp") else {}
        try:
            container = av.open(
                self._address, options=options, timeout=_SECONDS_TO_OPEN_AND_READ, metadata_errors="ignore"
            )
        except (av.error.FFmpegError, OSError, ValueError) as error:
            return redact(str(getattr(error, "strerror", None) or type(error).__name__))
        if not container.streams.video:
            container.close()
            return "no video stream in it"
        self._container = container
        return None
