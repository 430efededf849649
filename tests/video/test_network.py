"""Network addresses: reconnecting, and keeping passwords."""

from __future__ import annotations

import threading
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, HTTPServer
from itertools import pairwise
from pathlib import Path

import pytest

from saccade.errors import SourceError
from saccade.video import open_source
from saccade.video.address import redact
from saccade.video.network import NetworkSource


class Camera(HTTPServer):
    """A live camera: streams a clip without a length, then drops the connection; gone after ``lives`` of them."""

    def __init__(self, clip: bytes, lives: int) -> None:
        super().__init__(("127.0.0.1", 0), Stream)
        self.clip, self.lives = clip, lives

    @property
    def address(self) -> str:
        return f"http://user:hunter2@127.0.0.1:{self.server_port}/live.ts?token=abc123"


class Stream(BaseHTTPRequestHandler):
    server: Camera

    def do_GET(self) -> None:
        if self.server.lives <= 0:
            self.send_error(404)
            return
        self.server.lives -= 1
        self.send_response(200)
        self.send_header("Content-Type", "video/mp2t")
        self.end_headers()
        self.wfile.write(self.server.clip)

    def log_message(self, *arguments: object) -> None:
        pass


@pytest.fixture
def camera(make_video) -> Iterator[Camera]:
    server = Camera(make_video("live.ts", frames=20).read_bytes(), lives=2)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def test_live_stream_that_drops_is_connected_to_again_with_longer_and_longer_pauses(camera):
    pauses: list[float] = []
    lines: list[str] = []
    with NetworkSource(camera.address, retries=3, sleep=pauses.append, notify=lines.append) as source:
        frames = list(source)
    assert len(frames) > 25
    assert [frame.index for frame in frames] == list(range(len(frames)))
    assert all(later.time > earlier.time for earlier, later in pairwise(frames))
    assert pauses == [1.0, 1.0, 2.0, 4.0]
    assert "did not come back" in source.truncated


def test_live_stream_never_tells_its_password(camera):
    lines: list[str] = []
    with NetworkSource(camera.address, retries=1, sleep=lambda seconds: None, notify=lines.append) as source:
        list(source)
    told = "\n".join([*lines, source.name, str(source.truncated)])
    assert "hunter2" not in told
    assert "abc123" not in told
    assert "***@127.0.0.1" in told


class Recording(HTTPServer):
    """A server of one file, whose length it tells."""

    def __init__(self, path: Path) -> None:
        super().__init__(("127.0.0.1", 0), File)
        self.path = path

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/{self.path.name}"


class File(BaseHTTPRequestHandler):
    server: Recording

    def do_GET(self) -> None:
        content = self.server.path.read_bytes()
        first, _, _ = self.headers.get("Range", "bytes=0-").removeprefix("bytes=").partition("-")
        content, size = content[int(first) :], len(content)
        self.send_response(206)
        self.send_header("Content-Length", str(len(content)))
        self.send_header("Content-Range", f"bytes {first}-{size - 1}/{size}")
        self.send_header("Accept-Ranges", "bytes")
        self.end_headers()
        with suppress(ConnectionError):
            self.wfile.write(content)

    def log_message(self, *arguments: object) -> None:
        pass


@contextmanager
def served(path: Path) -> Iterator[str]:
    """Gives the address of a file."""
    server = Recording(path)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server.address
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.parametrize("name", ["clip.mp4", "clip.mkv", "clip.avi", "clip.ts"])
def test_a_whole_recording_at_an_address_is_not_called_truncated(make_video, name):
    with served(make_video(name, frames=40)) as address, NetworkSource(address) as source:
        assert source.frames_expected in (40, None)  # a transport stream need not tell
        assert len(list(source)) == 40
    assert source.truncated is None


@pytest.mark.parametrize("name", ["clip.mp4", "clip.mkv", "clip.avi"])
def test_a_recording_at_an_address_that_was_cut_says_so_as_the_same_file_does(make_video, name):
    path = make_video(name, frames=60, **({"movflags": "faststart"} if name.endswith("mp4") else {}))
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 2 // 5])
    with open_source(str(path)) as file:
        count = len(list(file))
    with served(path) as address, NetworkSource(address) as source:
        assert len(list(source)) == count < 60
    assert f"after {count} of 60 frames" in source.truncated
    assert f"after {count} of 60 frames" in file.truncated


@pytest.mark.parametrize("address", ["rtsp://admin:p@ss/w0rd@127.0.0.1:9/1", "http://admin:p@ss/w0rd@127.0.0.1:9/1"])
def test_unreachable_address_is_refused_without_its_password_even_in_the_traceback(address):
    with pytest.raises(SourceError) as caught:
        open_source(address)
    told = "".join(traceback.format_exception(caught.value)) + repr(caught.value)
    assert "w0rd" not in told
    assert "admin" not in told
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None


@pytest.mark.parametrize(
    ("address", "printed"),
    [
        ("rtsp://user:secret@camera/1", "rtsp://***@camera/1"),
        ("rtsp://user:s@cr/et@camera/1", "rtsp://***@camera/1"),
        ("http://camera/1?password=secret&x=2", "http://camera/1?password=***&x=2"),
        ("cannot open 'rtsp://a:b@c': refused", "cannot open 'rtsp://***@c': refused"),
        ("http://camera/1", "http://camera/1"),
    ],
)
def test_secrets_of_an_address_are_hidden(address, printed):
    assert redact(address) == printed
