"""Fetching a file that a data set consists of, so that a broken connection costs only what is missing."""

from __future__ import annotations

import hashlib
import http.client
import os
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

from saccade.errors import DataError
from saccade.training.data.listing import Told

PIECE = 1 << 20
TRIES = 5
SECONDS = 60.0
"""Without a byte, after which a connection counts as broken."""
_ALL_THERE = 416


def fetch(url: str, path: Path, md5: str, told: Told | None = None) -> None:
    """Downloads a file; one that was broken off goes on where it stopped, also in a later call.

    What has arrived lies beside it in ``NAME.part``; the file itself appears when it is complete and its checksum
    right.

    Args:
        url: where it is.
        path: where it shall be; nothing happens when it is there already.
        md5: its checksum in hexadecimal digits.
        told: how far it has come.

    Raises:
        DataError: the server cannot be reached, the connection breaks again and again, the checksum is wrong, or the
            file cannot be written.
    """
    if path.is_file():
        return
    part = path.with_name(path.name + ".part")
    failure = ""
    for _ in range(TRIES):
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            _receive(url, part, told)
            break
        except urllib.error.HTTPError as error:
            raise DataError(f"{url} cannot be downloaded: the server says {error.code} {error.reason}; get it by other "
                            f"means and put it to {str(path)!r}") from error  # fmt: skip
        except (urllib.error.URLError, http.client.HTTPException, TimeoutError, ConnectionError) as error:
            failure = str(getattr(error, "reason", None) or error or type(error).__name__)
        except OSError as error:
            raise DataError(
                f"cannot write {str(part)!r}: {error.strerror}; make room, or give another folder"
            ) from error
    else:
        raise DataError(
            f"{url} cannot be downloaded: {failure}; what has arrived is kept, so call again to go on, or put the file "
            f"to {str(path)!r}"
        )
    found = checksum(part)
    if found != md5:
        part.unlink()
        raise DataError(
            f"{url} gave a file with checksum {found}, not {md5}; it was removed: try again, or get it by other means "
            f"and put it to {str(path)!r}"
        )
    os.replace(part, path)


def checksum(path: Path) -> str:
    """Returns a file's MD5 in hexadecimal digits."""
    digest = hashlib.md5(usedforsecurity=False)
    with path.open("rb") as file:
        while piece := file.read(PIECE):
            digest.update(piece)
    return digest.hexdigest()


def _receive(url: str, part: Path, told: Told | None) -> None:
    """Adds to what has arrived until all is there."""
    there = part.stat().st_size if part.is_file() else 0
    request = urllib.request.Request(url, headers={"Range": f"bytes={there}-"} if there else {})
    try:
        with urllib.request.urlopen(request, timeout=SECONDS) as answer:
            if there and answer.status != http.client.PARTIAL_CONTENT:
                there = 0  # a server that knows no ranges begins anew
            expected = there + int(answer.headers["Content-Length"]) if answer.headers["Content-Length"] else 0
            with part.open("ab" if there else "wb") as file:
                for piece in _pieces(answer):
                    file.write(piece)
                    there += len(piece)
                    if told is not None:
                        told(there, expected or there)
    except urllib.error.HTTPError as error:
        if error.code != _ALL_THERE:
            raise
        error.close()
        return
    if there < expected:
        raise ConnectionError(f"the connection broke after {there:,} of {expected:,} bytes")


def _pieces(answer: http.client.HTTPResponse) -> Iterator[bytes]:
    while piece := answer.read(PIECE):
        yield piece
