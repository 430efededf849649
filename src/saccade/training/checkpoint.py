"""What a run leaves on disk while it goes on: weights to use, and a state to go on from.

Every file is complete or not there: it is written beside its place and moved there in one step, so that a kill or a
full disk at any moment leaves the last good one.
"""

from __future__ import annotations

import io
import json
import os
import pickle
import textwrap
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save
from torch import Tensor

from saccade.errors import CheckpointError

STATE = "state.pt"
LAST = "last.safetensors"
BEST = "best.safetensors"
REPORT = "report.json"
PARTIAL = ".partial"


def save_weights(path: Path, weights: Mapping[str, Tensor], notes: Mapping[str, str]) -> None:
    """Writes weights as safetensors.

    Args:
        path: the file.
        weights: by name; copied to the CPU.
        notes: written into the file's header.

    Raises:
        CheckpointError: they cannot be written; what was there before is still there.
    """
    plain = {name: tensor.detach().cpu().contiguous() for name, tensor in weights.items()}
    _replace(path, save(plain, metadata=dict(notes)))


def save_state(path: Path, state: Mapping[str, Any]) -> None:
    """Writes a run's state: tensors, numbers, texts, lists and dictionaries of these.

    Raises:
        CheckpointError: it cannot be written; what was there before is still there.
    """
    content = io.BytesIO()
    torch.save(dict(state), content)
    _replace(path, content.getbuffer())


def load_state(path: Path) -> dict[str, Any]:
    """Reads what ``save_state`` wrote; code in the file is not run.

    Raises:
        CheckpointError: it is damaged or no such file.
    """
    try:
        with zipfile.ZipFile(path) as archive:  # its checksums, which torch does not look at
            damaged = archive.testzip()
        if damaged is not None:
            raise zipfile.BadZipFile(f"the checksum of {damaged} is another")
        state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, EOFError, zipfile.BadZipFile, pickle.UnpicklingError) as error:
        reason = " ".join(str(error).split())
        raise CheckpointError(
            f"the run's state {str(path)!r} is damaged or cannot be read ({textwrap.shorten(reason, 160)}); remove the "
            "folder to train anew"
        ) from error
    return state


def save_json(path: Path, content: Mapping[str, Any]) -> None:
    """Writes a JSON document.

    Raises:
        CheckpointError: it cannot be written; what was there before is still there.
    """
    save_text(path, json.dumps(content, indent=2, allow_nan=False) + "\n")


def save_text(path: Path, text: str) -> None:
    """Writes a text in UTF-8.

    Raises:
        CheckpointError: it cannot be written; what was there before is still there.
    """
    _replace(path, text.encode())


def save_bytes(path: Path, content: bytes) -> None:
    """Writes a file.

    Raises:
        CheckpointError: it cannot be written; what was there before is still there.
    """
    _replace(path, content)


def make_folder(directory: Path) -> None:
    """Makes a folder for the files of a run, or of several, and those that it lies in.

    Raises:
        CheckpointError: it cannot be made.
    """
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CheckpointError(f"cannot make the folder {str(directory)!r}: {error.strerror}; choose another") from error


def remove_leftovers(directory: Path) -> None:
    """Removes what a process that was killed while it wrote has left half-written in a directory."""
    for partial in directory.glob(f".*{PARTIAL}"):
        partial.unlink(missing_ok=True)


def _replace(path: Path, content: bytes | memoryview) -> None:
    """Puts a file in place in one step, once it is whole and on the disk."""
    partial = path.with_name(f".{path.name}.{os.getpid()}{PARTIAL}")
    try:
        with partial.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(partial, path)
    except OSError as error:
        raise CheckpointError(
            f"cannot write {str(path)!r}: {error.strerror}; what was written before is unharmed: make room and give "
            "the command again, train with --resume"
        ) from error
    finally:
        partial.unlink(missing_ok=True)
