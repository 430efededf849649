"""Spatial attention for convolutional networks: recompute only what changed, look only where it matters."""

from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from saccade import errors

if TYPE_CHECKING:
    from saccade import gates, models
    from saccade.policy import Policy
    from saccade.runtime import Program, Report, Session, Stream, incremental
    from saccade.runtime import compile_program as compile

__all__ = ["Policy", "Program", "Report", "Session", "Stream", "compile", "errors", "gates", "incremental", "models"]

# Loading torch, torchvision and timm takes seconds, during which the program could not yet answer Ctrl-C in order.
_LATE = {
    "Policy": ("policy", "Policy"),
    "Program": ("runtime", "Program"),
    "Report": ("runtime", "Report"),
    "Session": ("runtime", "Session"),
    "Stream": ("runtime", "Stream"),
    "compile": ("runtime", "compile_program"),
    "incremental": ("runtime", "incremental"),
}


def __getattr__(name: str) -> Any:
    if name in _LATE:
        room, called = _LATE[name]
        found = getattr(import_module(f"saccade.{room}"), called)
        globals()[name] = found
        return found
    if not name.startswith("_") and find_spec(f"saccade.{name}") is not None:
        return import_module(f"saccade.{name}")
    raise AttributeError(f"module 'saccade' has no attribute {name!r}")
