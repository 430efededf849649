"""Where results go: a video and a file of events, each complete or absent."""

from __future__ import annotations

import json
import os
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

import av
import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from typing_extensions import Self

from saccade.errors import SinkError

VIDEO_SUFFIXES = (".avi", ".mkv", ".mov", ".mp4")


class _FileSink:
    """A file that is written beside its target and takes the target's name when it is complete.

    Where the path is a link, the file that it leads to is the target, and the link stays.

    Leaving the ``with`` block keeps what was written, also on Ctrl-C; any other exception removes it.
    """

    def __init__(self, path: str | Path, what: str) -> None:
        self.path = Path(path)
        self.what = what
        self._target, self._partial = _begin(self.path, what)

    def close(self) -> None:
        """Completes the file and gives it its name; without anything written there is no file."""
        if self._finish():
            os.replace(self._partial, self._target)
        else:
            self._partial.unlink(missing_ok=True)

    def discard(self) -> None:
        """Removes what was written; the target stays as it was."""
        try:
            self._finish()
        finally:
            self._partial.unlink(missing_ok=True)

    def _finish(self) -> bool:
        """Closes the partial file; tells whether there is something worth keeping."""
        raise NotImplementedError

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None or issubclass(kind, KeyboardInterrupt):
            self.close()
        else:
            self.discard()


class VideoSink(_FileSink):
    """A video file: H.264 where this FFmpeg has libx264, else MPEG-4.

    Args:
        path: the target; its suffix chooses the container (.mp4, .mkv, .mov, .avi).
        frame_rate: frames per second.

    Raises:
        SinkError: when the target cannot be written, before anything is.
    """

    def __init__(self, path: str | Path, frame_rate: float = 25.0) -> None:
        if Path(path).suffix.lower() not in VIDEO_SUFFIXES:
            raise SinkError(f"cannot write a video to {str(path)!r}: expected a name that ends in {_names()}")
        super().__init__(path, "a video")
        self._rate = Fraction(frame_rate).limit_denominator(1001) if frame_rate > 0 else Fraction(25)
        self._container: Any = None
        self._stream: Any = None

    def write(self, rgb: npt.NDArray[np.uint8]) -> None:
        """Appends a picture of (H, W, 3) uint8; one of another size than the first is scaled to it.

        Raises:
            SinkError: when it cannot be written, for instance because the disk is full.
        """
        try:
            if self._stream is None:
                self._open(rgb.shape[0], rgb.shape[1])
            frame = av.VideoFrame.from_ndarray(_even(rgb), format="rgb24")
            if (frame.width, frame.height) != (self._stream.width, self._stream.height):
                frame = frame.reformat(width=self._stream.width, height=self._stream.height)
            for packet in self._stream.encode(frame):
                self._container.mux(packet)
        except (av.error.FFmpegError, OSError) as error:
            raise SinkError(f"cannot write the video {str(self.path)!r}: {error.strerror}") from error

    def _open(self, height: int, width: int) -> None:
        self._container = av.open(str(self._partial), "w")
        if "libx264" in av.codec.codecs_available:
            self._stream = self._container.add_stream(
                "libx264", rate=self._rate, options={"crf": "20", "preset": "veryfast"}
            )
        else:
            self._stream = self._container.add_stream("mpeg4", rate=self._rate, options={"q:v": "3"})
        self._stream.width, self._stream.height = width + width % 2, height + height % 2
        self._stream.pix_fmt = "yuv420p"

    def _finish(self) -> bool:
        if self._stream is None:
            return False
        stream, container = self._stream, self._container
        self._stream = self._container = None
        try:
            for packet in stream.encode():
                container.mux(packet)
        except (av.error.FFmpegError, OSError) as error:
            self._partial.unlink(missing_ok=True)
            raise SinkError(f"cannot complete the video {str(self.path)!r}: {error.strerror}") from error
        finally:
            container.close()
        return True


class EventsSink(_FileSink):
    """A file of events: JSON lines, one object a frame.

    Args:
        path: the target.

    Raises:
        SinkError: when the target cannot be written, before anything is.
    """

    def __init__(self, path: str | Path) -> None:
        super().__init__(path, "events")
        self._file = self._partial.open("w", encoding="utf-8")
        self._events = 0

    def write(self, event: dict[str, Any]) -> None:
        """Appends one event; numbers that JSON does not know (NaN, infinity) become null."""
        try:
            self._file.write(json.dumps(_finite(event), allow_nan=False) + "\n")
            self._events += 1
        except OSError as error:
            raise SinkError(f"cannot write the events {str(self.path)!r}: {error.strerror}") from error

    def _finish(self) -> bool:
        self._file.close()
        return self._events > 0


def write_json(path: str | Path, content: dict[str, Any]) -> None:
    """Writes one JSON document, complete or not at all.

    Raises:
        SinkError: when the target cannot be written.
    """
    target, partial = _begin(Path(path), "JSON")
    try:
        partial.write_text(json.dumps(_finite(content), indent=2, allow_nan=False) + "\n", encoding="utf-8")
        os.replace(partial, target)
    except OSError as error:
        raise SinkError(f"cannot write {str(path)!r}: {error.strerror}") from error
    finally:
        partial.unlink(missing_ok=True)


def check_writable(path: str | Path, what: str) -> None:
    """Makes sure that a file can be written later, without leaving one behind.

    Raises:
        SinkError: when it cannot.
    """
    _, partial = _begin(Path(path), what)
    partial.unlink(missing_ok=True)


def _begin(path: Path, what: str) -> tuple[Path, Path]:
    """Returns the file that a path leads to, and an empty partial file beside it.

    Raises:
        SinkError: when it cannot be written.
    """
    target = Path(os.path.realpath(path))
    _check_target(path, target, what)
    partial = target.with_name(f".{target.stem}.{os.getpid()}.partial{target.suffix}")
    try:
        partial.touch()
    except OSError as error:
        raise SinkError(
            f"cannot write {what} to {str(path)!r}: {error.strerror}; choose a folder that you may write to"
        ) from error
    return target, partial


def _check_target(path: Path, target: Path, what: str) -> None:
    if target.is_dir():
        raise SinkError(f"cannot write {what} to {str(path)!r}: it is a folder; expected the name of a file in it")
    if not target.parent.is_dir():
        folder = str(target.parent if path.is_symlink() else path.parent)
        raise SinkError(f"cannot write {what} to {str(path)!r}: there is no folder {folder!r}; make it first")
    if target.exists() and not target.is_file():
        raise SinkError(
            f"cannot write {what} to {str(path)!r}: it is a device or a pipe, which cannot appear whole or not at all; "
            "expected the name of a regular file"
        )
    if target.exists() and not os.access(target, os.W_OK):
        raise SinkError(f"cannot write {what} to {str(path)!r}: the file is write-protected; choose another name")


def _even(rgb: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Returns the picture with even height and width: the codecs store colour for 2x2 pixels at a time."""
    height, width = rgb.shape[:2]
    if height % 2 or width % 2:
        rgb = np.pad(rgb, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")
    return np.ascontiguousarray(rgb)


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _finite(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(inner) for inner in value]
    if isinstance(value, float) and not np.isfinite(value):
        return None
    return value


def _names() -> str:
    return ", ".join(VIDEO_SUFFIXES[:-1]) + " or " + VIDEO_SUFFIXES[-1]
