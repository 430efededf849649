"""Names of a model's classes from a text file."""

from __future__ import annotations

from pathlib import Path

from saccade.errors import ModelError


def read_class_names(file: Path) -> tuple[str, ...]:
    """Returns the names in a text file: one a line, the first for class 0.

    Raises:
        ModelError: when the file is missing, empty, or not UTF-8 text.
    """
    wanted = "expected a text file in UTF-8 with one name a line, the first for class 0"
    try:
        names = tuple(line.strip() for line in file.read_text(encoding="utf-8-sig").splitlines())
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no UTF-8 text"
        raise ModelError(f"cannot read class names from {str(file)!r} ({reason}); {wanted}") from error
    if not any(names):
        raise ModelError(f"the file {str(file)!r} holds no class name; {wanted}")
    return names
