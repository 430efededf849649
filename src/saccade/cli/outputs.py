"""Files that a verb is to write: each has a name, no two are the same, and none is one that the verb reads."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from saccade.errors import SinkError

_SCHEME = "file://"


def check_outputs(outputs: Mapping[str, Path | None], inputs: Iterable[tuple[str, str | Path | None]] = ()) -> None:
    """Checks the files that a verb is to write against each other and against what it reads.

    Args:
        outputs: by option, such as "--json"; None where nothing was asked for.
        inputs: what is read, each with its option or argument, such as "SOURCE"; what names no file or folder, as an
            address or a model of torchvision, is passed over.

    Raises:
        SinkError: when an output has no name, two outputs are one file, or an output is a file that is read or would
            become one of the images of a folder that is read.
    """
    asked = {option: path for option, path in outputs.items() if path is not None}
    for option, path in asked.items():
        if path == Path():
            raise SinkError(f"{option} was given without the name of a file; name one, or leave {option} out")
    _refuse_the_same(asked)
    for name, given in inputs:
        read = Path(str(given or "").removeprefix(_SCHEME))
        if given and os.path.exists(read):
            for option, path in asked.items():
                _refuse_what_is_read(option, path, name, read)


def _refuse_the_same(outputs: Mapping[str, Path]) -> None:
    """Refuses two outputs that are one file."""
    seen: dict[str, Path] = {}
    for option, path in outputs.items():
        for other, earlier in seen.items():
            if _is_same(path, earlier):
                raise SinkError(
                    f"{other} and {option} both name {str(path)!r}, which can hold one of them; name two files"
                )
        seen[option] = path


def _refuse_what_is_read(option: str, path: Path, name: str, read: Path) -> None:
    """Refuses an output that is a file which is read, or lies among the images of a folder which is read."""
    if not read.is_dir():
        if _is_same(path, read):
            raise SinkError(
                f"{option} names {str(path)!r}, which is read as {name} and would be lost; name another file"
            )
        return
    if _is_image_of(path, read):
        raise SinkError(
            f"{option} names {str(path)!r}, which lies among the images of {name}; name a file outside of that folder"
        )


def _is_image_of(path: Path, folder: Path) -> bool:
    """Tells whether a file, which need not exist, is one of the images of a folder, also by a link."""
    from saccade.video.folder import SUFFIXES

    target = Path(os.path.realpath(path))
    if any(_is_same(file.parent, folder) and file.suffix.lower() in SUFFIXES for file in (path, target)):
        return True
    try:
        images = [file for file in folder.iterdir() if file.suffix.lower() in SUFFIXES]
    except OSError:  # whoever reads the folder tells of it
        return False
    return target.exists() and any(_is_same(target, image) for image in images)


def _is_same(one: Path, other: Path) -> bool:
    """Tells whether two paths lead to one file, which need not exist."""
    if os.path.realpath(one) == os.path.realpath(other):
        return True
    try:
        return one.samefile(other)
    except OSError:
        return False
