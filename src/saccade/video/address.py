"""What kind of source an address names, and how to print it without its secrets."""

from __future__ import annotations

import re

_SECRET_KEYS = "pass|passwd|password|pwd|token|key|apikey|api_key|secret|auth|user|username|signature|sig"
# Up to the last "@": a password may itself hold "@" or "/", and hiding too much is the lesser mistake.
_CREDENTIALS = re.compile(r"(?<=://)[^\s'\"]*@")
_QUERY_SECRET = re.compile(rf"(?<=[?&;])((?:{_SECRET_KEYS})=)[^&;\s'\"]*", re.IGNORECASE)


def redact(text: str) -> str:
    """Returns the text with user names and passwords in its addresses replaced by ``***``."""
    return _QUERY_SECRET.sub(r"\1***", _CREDENTIALS.sub("***@", text))


def is_webcam(source: str) -> bool:
    """Tells whether the source is the index of a webcam, such as "0"."""
    return source.isascii() and source.isdigit()


def is_url(source: str) -> bool:
    """Tells whether the source is a network address, such as "rtsp://camera/stream"."""
    return re.match(r"[A-Za-z][A-Za-z0-9+.-]*://", source) is not None
