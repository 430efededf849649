"""A webcam as a source of frames."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import av

from saccade.errors import SourceError
from saccade.video.decoding import Decoding
from saccade.video.frame import Frame, FrameSource


class WebcamSource(FrameSource):
    """A webcam, read through the operating system's driver by PyAV; it has no end.

    Args:
        index: which one, from 0.

    Raises:
        SourceError: when there is none of that index or it cannot be opened.
    """

    def __init__(self, index: int) -> None:
        self.name = f"webcam {index}"
        device, driver, options = _device(index)
        try:
            self._container: Any = av.open(device, format=driver, options=options)
        except (av.error.FFmpegError, OSError, ValueError) as error:
            raise SourceError(
                f"cannot open {self.name} ({device} through {driver}: {getattr(error, 'strerror', None) or error}): "
                "expected the index of a connected camera that no other program uses; check the permission to use it"
            ) from error
        stream = self._container.streams.video[0]
        self.frame_rate = float(stream.average_rate) if stream.average_rate else None
        self.size = (stream.height, stream.width)

    def __iter__(self) -> Iterator[Frame]:
        decoding = Decoding(self._container)
        first_time = None
        for index, (stamp, rgb) in enumerate(decoding.pictures()):
            stamp = stamp if stamp is not None else index / (self.frame_rate or 25.0)
            first_time = stamp if first_time is None else first_time
            yield Frame(index, stamp - first_time, rgb)
        self.truncated = f"{self.name} stopped giving frames" + (f" ({decoding.broken})" if decoding.broken else "")

    def close(self) -> None:
        self._container.close()


def _device(index: int) -> tuple[str, str, dict[str, str]]:
    """Returns PyAV's file, format and options for the webcam."""
    if sys.platform == "darwin":
        return str(index), "avfoundation", {"framerate": "30"}
    if sys.platform == "win32":
        cameras = [device for device in av.enumerate_input_devices("dshow") if "video" in str(device.media_types)]
        if index >= len(cameras):
            raise SourceError(f"no webcam {index}: {len(cameras)} found, counted from 0; connect one")
        return f"video={cameras[index].name}", "dshow", {}
    return f"/dev/video{index}", "v4l2", {}
