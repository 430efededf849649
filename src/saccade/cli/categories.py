"""Names of a model's classes from a text file."""

from __future__ import annotations

from pathlib import Path

from saccade.errors import ModelError


def read_categories(path: Path | None) -> tuple[str, ...]:
    """Returns the names of classes in a text file, one a line, the first for class 0; none for None.

    Raises:
        ModelError: the file is missing, empty, or no text in UTF-8.
    """
    if path is None:
        return ()
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no UTF-8 text"
        raise ModelError(
            f"cannot read the names of classes in {str(path)!r} ({reason}); expected one a line"
        ) from error
    names = tuple(line.strip() for line in lines if line.strip())
    if not names:
        raise ModelError(f"there are no names of classes in {str(path)!r}; expected one a line")
    return names
