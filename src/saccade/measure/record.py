"""A file of results that is either whole or not there."""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Any

from saccade.errors import SinkError


class Record:
    """Rows for a JSON file, written in one step at the end.

    Entering checks that the file can be written, so that no work is lost to a wrong path. Leaving normally puts the
    file in place in one step; leaving by an exception leaves whatever was there before.

    Args:
        path: the file; of a link, what it leads to is written. None to keep the rows in memory only.
        benchmark: the benchmark's name, written beside the rows.
    """

    def __init__(self, path: Path | None, benchmark: str) -> None:
        self.path = path
        self.benchmark = benchmark
        self.rows: list[dict[str, Any]] = []

    def __enter__(self) -> Record:
        """Raises SinkError when the file cannot be written."""
        if self.path is not None:
            _draft_beside(self.path).unlink()
        return self

    def add(self, row: dict[str, Any]) -> None:
        """Keeps a row of plain values."""
        self.rows.append(row)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.path is None or kind is not None:
            return
        text = json.dumps({"benchmark": self.benchmark, "rows": self.rows}, indent=1, allow_nan=False) + "\n"
        draft = _draft_beside(self.path)
        try:
            draft.write_text(text)
            os.replace(draft, _target(self.path))
        except OSError as failure:
            raise SinkError(f"cannot write {self.path}: {failure.strerror}; the results are lost") from failure
        finally:
            draft.unlink(missing_ok=True)


def _target(path: Path) -> Path:
    return Path(os.path.realpath(path))


def _draft_beside(path: Path) -> Path:
    target = _target(path)
    if target.is_dir():
        raise SinkError(f"cannot write {path}: it is a folder; name a file")
    if target.exists() and not target.is_file():
        raise SinkError(f"cannot write {path}: it is a device or a pipe; name a regular file")
    try:
        descriptor, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    except OSError as failure:
        raise SinkError(f"cannot write {path}: {failure.strerror}; name a file in a writable folder") from failure
    os.close(descriptor)
    draft = Path(name)
    draft.chmod(0o644)  # mkstemp makes it private; results are for reading
    return draft
