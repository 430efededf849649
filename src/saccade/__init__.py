"""Spatial attention for convolutional networks: recompute only what changed, look only where it matters."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from saccade import errors
from saccade.policy import Policy
from saccade.runtime import Program, Report, Session, Stream, incremental
from saccade.runtime import compile_program as compile

if TYPE_CHECKING:
    from saccade import gates, models

__all__ = ["Policy", "Program", "Report", "Session", "Stream", "compile", "errors", "gates", "incremental", "models"]

_LATE = ("gates", "models")  # loading torchvision and timm takes seconds, which the engine does not need


def __getattr__(name: str) -> Any:
    if name in _LATE:
        return import_module(f"saccade.{name}")
    raise AttributeError(f"module 'saccade' has no attribute {name!r}")
