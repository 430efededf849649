"""From what a user types to a source of frames."""

from __future__ import annotations

from pathlib import Path

from saccade.errors import SourceError
from saccade.video.address import is_url, is_webcam
from saccade.video.file import FileSource
from saccade.video.folder import FolderSource
from saccade.video.frame import FrameSource
from saccade.video.network import NetworkSource
from saccade.video.webcam import WebcamSource

EXPECTED = "a video file, a folder of images, a webcam index such as 0, or an rtsp:// or http:// address"


def open_source(source: str, *, frame_rate: float = 25.0, retries: int = 6) -> FrameSource:
    """Opens a source of frames.

    Args:
        source: a video file, a folder of images, the index of a webcam ("0"), or an address that PyAV can
            read (rtsp://, rtsps://, http://, https://, rtmp://, udp://, ...).
        frame_rate: frames per second that a folder of images stands for.
        retries: how often in a row to reconnect to a network address before giving up.

    Returns:
        The source, to be used with ``with``.

    Raises:
        SourceError: when it is missing, empty or not a video; the message never holds a password.
    """
    if not source:
        raise SourceError(f"no source was named: expected {EXPECTED}")
    if is_url(source):
        return NetworkSource(source, retries=retries)
    path = Path(source)
    if path.is_dir():
        return FolderSource(path, frame_rate=frame_rate)
    if path.exists():
        return FileSource(path)
    if is_webcam(source):
        return WebcamSource(int(source))
    raise SourceError(f"no video at {source!r}: expected {EXPECTED}; check the path")
