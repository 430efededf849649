"""Loading a file of weights into a module."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import torch
from torch import nn

from saccade.errors import WeightsError

SUFFIXES = (".safetensors", ".pt", ".pth", ".th", ".bin")
_NESTS = ("state_dict", "model", "model_state_dict", "weights")
_SHOWN = 4


def load_weights(model: nn.Module, path: Path, *, fresh_head: bool = False) -> None:
    """Loads weights that fit a module exactly.

    Args:
        model: the module; changed in place.
        path: a .safetensors file, or one that torch saved (.pt, .pth, .th), which is read without running any
            code in it. A ``module.`` before every key, as DataParallel leaves it, is taken off.
        fresh_head: a last linear layer for another number of classes keeps the values that it has.

    Raises:
        WeightsError: when the file is missing, unreadable, unsafe or does not fit; lists the keys that differ.
    """
    state = _state(path)
    own = model.state_dict()
    if fresh_head:
        state |= {key: own[key] for key in _head(model) if key in state and state[key].shape != own[key].shape}
    missing = [key for key in own if key not in state and not key.endswith("num_batches_tracked")]
    unexpected = [key for key in state if key not in own]
    wrong = [
        f"{key} {_shape(state[key])} instead of {_shape(own[key])}"
        for key in own
        if key in state and state[key].shape != own[key].shape
    ]
    if missing or unexpected or wrong:
        parts = [_listed("missing", missing), _listed("unexpected", unexpected), _listed("of another shape", wrong)]
        raise WeightsError(
            f"the weights in {str(path)!r} do not fit the model: {'; '.join(part for part in parts if part)}; "
            "expected the state dict of this very architecture"
        )
    model.load_state_dict(state, strict=False)


def _head(model: nn.Module) -> list[str]:
    """Returns the keys of the last linear layer outside of gates."""
    from saccade.gates.attachment import ATTRIBUTE

    names = [
        name
        for name, module in model.named_modules()
        if isinstance(module, nn.Linear) and ATTRIBUTE not in name.split(".")
    ]
    return [f"{names[-1]}.weight", f"{names[-1]}.bias"] if names else []


def holds_gates(path: Path) -> bool:
    """Returns whether a file of weights is that of a gated network, gates included.

    Raises:
        WeightsError: when the file is missing, unreadable or unsafe.
    """
    from saccade.gates.attachment import ATTRIBUTE

    return any(ATTRIBUTE in key.split(".") for key in _state(path))


def holds_module(path: Path, name: str) -> bool:
    """Returns whether a file of weights has keys of a module of that name.

    Raises:
        WeightsError: when the file is missing, unreadable or unsafe.
    """
    return any(key.startswith(f"{name}.") for key in _state(path))


def _state(path: Path) -> dict[str, torch.Tensor]:
    """Returns a file's tensors by the names that they have in the module."""
    if not path.is_file():
        raise WeightsError(f"no weights file at {str(path)!r}; expected a file ending in {', '.join(SUFFIXES)}")
    return _without_prefix(_read(path))


def _read(path: Path) -> dict[str, torch.Tensor]:
    if path.suffix.lower() == ".safetensors":
        from safetensors import SafetensorError
        from safetensors.torch import load_file

        try:
            tensors: dict[str, torch.Tensor] = load_file(str(path))
        except (SafetensorError, OSError, ValueError) as error:
            raise WeightsError(f"{str(path)!r} is not a safetensors file that can be read: {error}") from error
        return tensors
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        raise _unreadable(path, error) from error
    return _state_dict(content, path)


def _unreadable(path: Path, error: Exception) -> WeightsError:
    """Returns what to say of a file that torch does not load."""
    if not isinstance(error, OSError) and not _may_be_saved_by_torch(path):
        return WeightsError(
            f"{str(path)!r} is no file of weights: expected one that safetensors or torch.save wrote, "
            f"ending in {', '.join(SUFFIXES)}"
        )
    if isinstance(error, pickle.UnpicklingError):
        return WeightsError(
            f"{str(path)!r} is not a plain file of tensors, and code in it will not be run; "
            "save model.state_dict() with safetensors or torch.save"
        )
    return WeightsError(f"{str(path)!r} cannot be read as weights: {' '.join(str(error).split())}")


def _may_be_saved_by_torch(path: Path) -> bool:
    """Tells whether a file begins as what torch saves does: as a zip archive, or in older versions as a pickle."""
    with path.open("rb") as file:
        return file.read(4).startswith((b"PK\x03\x04", b"\x80"))


def _state_dict(content: Any, path: Path) -> dict[str, torch.Tensor]:
    """Returns the tensors of a checkpoint, which may hold them one level down."""
    for nest in _NESTS:
        if isinstance(content, dict) and isinstance(content.get(nest), dict):
            content = content[nest]
            break
    tensors = (
        {key: value for key, value in content.items() if isinstance(value, torch.Tensor)}
        if isinstance(content, dict)
        else {}
    )
    if not tensors:
        raise WeightsError(f"{str(path)!r} holds no tensors by name; expected a saved model.state_dict()")
    return tensors


def _without_prefix(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    prefix = "module."
    if all(key.startswith(prefix) for key in state):
        return {key[len(prefix) :]: value for key, value in state.items()}
    return state


def _shape(tensor: torch.Tensor) -> str:
    return "x".join(map(str, tensor.shape)) or "scalar"


def _listed(what: str, keys: list[str]) -> str:
    more = f" and {len(keys) - _SHOWN} more" if len(keys) > _SHOWN else ""
    return f"{what}: {', '.join(keys[:_SHOWN])}{more}" if keys else ""
