"""What a run leaves on disk while it goes on: weights to use, and a state to go on from.

Every file is complete or not there: it is written beside its place and moved there in one step, so that a kill or a
full disk at any moment leaves the last good one.
"""

from __future__ import annotations

import json
import os
import pickle
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor

from saccade.errors import CheckpointError

STATE = "state.pt"
LAST = "last.safetensors"
BEST = "best.safetensors"
REPORT = "report.json"


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
    _replace(path, lambda partial: save_file(plain, str(partial), metadata=dict(notes)))


def save_state(path: Path, state: Mapping[str, Any]) -> None:
    """Writes a run's state: tensors, numbers, texts, lists and dictionaries of these.

    Raises:
        CheckpointError: it cannot be written; what was there before is still there.
    """
    _replace(path, lambda partial: torch.save(dict(state), partial))


def load_state(path: Path) -> dict[str, Any]:
    """Reads what ``save_state`` wrote; code in the file is not run.

    Raises:
        CheckpointError: it is damaged or no such file.
    """
    try:
        state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, EOFError, pickle.UnpicklingError) as error:
        raise CheckpointError(
            f"the run's state {str(path)!r} cannot be read: {' '.join(str(error).split())[:200]}; remove the folder "
            "to train anew"
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
    _replace(path, lambda partial: partial.write_text(text, encoding="utf-8"))


def _replace(path: Path, write: Callable[[Path], object]) -> None:
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        write(partial)
        os.replace(partial, path)
    except (OSError, RuntimeError) as error:  # torch and safetensors tell of a full disk by errors of their own
        raise _unwritten(path, error) from error
    except Exception as error:
        if type(error).__name__ != "SafetensorError":
            raise
        raise _unwritten(path, error) from error
    finally:
        partial.unlink(missing_ok=True)


def _unwritten(path: Path, error: Exception) -> CheckpointError:
    reason = getattr(error, "strerror", None) or " ".join(str(error).split())[:200]
    return CheckpointError(
        f"cannot write {str(path)!r}: {reason}; what was written before is unharmed: make room and go on with --resume"
    )
