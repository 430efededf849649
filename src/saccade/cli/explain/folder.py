"""A folder of results that appears when all of it is there."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from types import TracebackType

from saccade.errors import SinkError


class ResultsFolder:
    """Files that are written beside their folder and moved into it together, or not at all.

    What is in the folder already stays, except files of the same names.

    Args:
        path: the folder; made when it is not there, in a folder that is.

    Attributes:
        names: of the files written so far.

    Raises:
        SinkError: it cannot be written to, before anything is.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._partial = path.absolute().parent / f".{path.absolute().name}.{os.getpid()}.partial"
        self.names: list[str] = []
        if path.exists() and not path.is_dir():
            raise SinkError(f"cannot write to the folder {str(path)!r}: it is a file; choose another name with --out")
        if not path.is_dir() and path.suffix.lower() in (".png", ".jpg", ".jpeg", ".pdf", ".svg"):
            raise SinkError(f"cannot write to {str(path)!r}: --out names a folder, which gets a picture for each image")
        if not path.absolute().parent.is_dir():
            raise SinkError(f"cannot make the folder {str(path)!r}: there is no folder {str(path.parent)!r}; make it")
        if path.is_dir() and not os.access(path, os.W_OK):
            raise SinkError(f"cannot write to the folder {str(path)!r}: it is write-protected; choose another one")
        self._try(self._partial.mkdir)

    def write(self, name: str, content: bytes) -> None:
        """Adds a file.

        Raises:
            SinkError: when it cannot be written, for instance because the disk is full.
        """
        self._try(lambda: (self._partial / name).write_bytes(content))
        self.names.append(name)

    def __enter__(self) -> ResultsFolder:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                self._try(lambda: self.path.mkdir(exist_ok=True))
                self._try(self._move)
        finally:
            shutil.rmtree(self._partial, ignore_errors=True)

    def _move(self) -> None:
        for name in self.names:
            target = self.path / name
            if target.is_symlink():  # what it leads to may lie on another file system, where nothing can be moved to
                shutil.copyfile(self._partial / name, target)
            else:
                os.replace(self._partial / name, target)

    def _try(self, action: Callable[[], object]) -> None:
        try:
            action()
        except OSError as error:
            raise SinkError(
                f"cannot write to the folder {str(self.path)!r}: {error.strerror}; choose another one with --out"
            ) from error
