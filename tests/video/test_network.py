"""Network addresses: reconnecting, and keeping passwords."""

from __future__ import annotations

import threading
import traceback
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from itertools import pairwise

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
