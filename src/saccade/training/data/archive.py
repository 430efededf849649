"""Unpacking an archive into a data folder: whole or not at all, and nowhere else."""

from __future__ import annotations

import os
import shutil
import tarfile
import tempfile
from pathlib import Path

from saccade.errors import DataError


def unpack(archive: Path, folder: Path) -> None:
    """Unpacks a tar archive, compressed or not.

    Its files are written beside their places first, and moved there when all are good.

    Args:
        archive: the file.
        folder: where its entries shall be; what has the same name there is replaced.

    Raises:
        DataError: it is damaged, holds a path that leads out of the folder, a link or a device, or the folder cannot
            be written.
    """
    if not hasattr(tarfile, "data_filter"):
        raise DataError(
            f"this Python cannot unpack {str(archive)!r} safely; take 3.10.12, 3.11.4 or later, or unpack it to "
            f"{str(folder)!r} by hand"
        )
    try:
        with tempfile.TemporaryDirectory(dir=folder, prefix=".unpacking-") as place:
            with tarfile.open(archive) as content:
                content.extractall(place, filter="data")
            for entry in sorted(Path(place).iterdir()):
                target = folder / entry.name
                if target.is_dir() and not target.is_symlink():
                    shutil.rmtree(target)
                os.replace(entry, target)
    except tarfile.FilterError as error:
        raise DataError(
            f"{str(archive)!r} was not unpacked: {' '.join(str(error).split())}; get the archive from its makers"
        ) from error
    except (tarfile.TarError, EOFError) as error:
        raise DataError(
            f"{str(archive)!r} is damaged ({' '.join(str(error).split())}); remove it and get it again"
        ) from error
    except OSError as error:
        raise DataError(
            f"cannot unpack {str(archive)!r} to {str(folder)!r}: {error.strerror or error}; make room, or get the "
            "archive again"
        ) from error
