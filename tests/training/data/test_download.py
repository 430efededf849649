"""Downloads that are broken off, against a server of the test's own."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from saccade.errors import DataError
from saccade.training.data import fetch

CONTENT = bytes(range(256)) * 4000
MD5 = hashlib.md5(CONTENT).hexdigest()


class Server(ThreadingHTTPServer):
    """A server of one file.

    Attributes:
        breaks: after how many bytes the next connections break.
        ranges: those that were asked for, "" for the whole.
        knows_ranges: whether it serves a part.
        status: what it says to everything, where it is not 0.
    """

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.breaks: list[int] = []
        self.ranges: list[str] = []
        self.knows_ranges = True
        self.status = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/images.tar"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        asked = self.headers.get("Range", "")
        self.server.ranges.append(asked)
        first = int(asked.removeprefix("bytes=").rstrip("-")) if asked and self.server.knows_ranges else 0
        if self.server.status or first >= len(CONTENT):
            self.send_error(self.server.status or 416)
            return
        part = CONTENT[first:]
        self.send_response(206 if first else 200)
        self.send_header("Content-Length", str(len(part)))
        self.end_headers()
        self.wfile.write(part[: self.server.breaks.pop(0)] if self.server.breaks else part)

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def test_a_download_that_breaks_goes_on_where_it_stopped(server: Server, tmp_path: Path) -> None:
    server.breaks = [1000, 5000]
    told: list[tuple[int, int]] = []
    fetch(server.url, tmp_path / "images.tar", MD5, lambda done, total: told.append((done, total)))
    assert (tmp_path / "images.tar").read_bytes() == CONTENT
    assert server.ranges == ["", "bytes=1000-", "bytes=6000-"]
    assert told[-1] == (len(CONTENT), len(CONTENT))
    fetch(server.url, tmp_path / "images.tar", MD5)
    assert len(server.ranges) == 3
    assert [path.name for path in tmp_path.iterdir()] == ["images.tar"]


def test_what_an_earlier_call_has_got_is_not_fetched_again(server: Server, tmp_path: Path) -> None:
    server.breaks = [1000] * 5
    with pytest.raises(DataError, match=r"connection broke after 5,000 of 1,024,000.*call again to go on"):
        fetch(server.url, tmp_path / "images.tar", MD5)
    assert not (tmp_path / "images.tar").exists()
    fetch(server.url, tmp_path / "images.tar", MD5)
    assert server.ranges[-1] == "bytes=5000-"
    assert (tmp_path / "images.tar").read_bytes() == CONTENT


def test_a_server_without_ranges_begins_anew(server: Server, tmp_path: Path) -> None:
    server.knows_ranges = False
    server.breaks = [1000]
    fetch(server.url, tmp_path / "images.tar", MD5)
    assert (tmp_path / "images.tar").read_bytes() == CONTENT


def test_a_part_that_was_complete_already_is_only_checked(server: Server, tmp_path: Path) -> None:
    (tmp_path / "images.tar.part").write_bytes(CONTENT)
    fetch(server.url, tmp_path / "images.tar", MD5)
    assert (tmp_path / "images.tar").read_bytes() == CONTENT


def test_a_wrong_checksum_removes_the_file(server: Server, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=rf"checksum {MD5}, not {'0' * 32}"):
        fetch(server.url, tmp_path / "images.tar", "0" * 32)
    assert not list(tmp_path.iterdir())


def test_a_server_that_refuses_is_told_at_once(server: Server, tmp_path: Path) -> None:
    server.status = 404
    with pytest.raises(DataError, match=r"the server says 404.*put it to"):
        fetch(server.url, tmp_path / "images.tar", MD5)
    assert len(server.ranges) == 1


def test_no_server_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("saccade.training.data.download.TRIES", 1)
    with pytest.raises(DataError, match="cannot be downloaded"):
        fetch("http://127.0.0.1:9/images.tar", tmp_path / "images.tar", MD5)
