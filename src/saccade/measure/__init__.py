"""Timing that can be believed: contenders in turn within one run, medians with their spread, and where it was run."""

from saccade.agreement import identical, relative_error
from saccade.measure.alternate import Timing, alternate
from saccade.measure.contestants import Contestant, prepare_contestants
from saccade.measure.environment import Environment
from saccade.measure.record import Record

__all__ = [
    "Contestant",
    "Environment",
    "Record",
    "Timing",
    "alternate",
    "identical",
    "prepare_contestants",
    "relative_error",
]
