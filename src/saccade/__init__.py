"""Spatial attention for convolutional networks: recompute only what changed, look only where it matters."""

from saccade import errors
from saccade.policy import Policy
from saccade.runtime import Program, Report, Session, Stream, incremental
from saccade.runtime import compile_program as compile

__all__ = ["Policy", "Program", "Report", "Session", "Stream", "compile", "errors", "incremental"]
