"""The search: a frame gate and thresholds, or a frame gate alone, by their work and what they miss."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from saccade.calibration.goal import Goal
from saccade.calibration.trial import Trial
from saccade.policy import Calibrated

LEVELS = (0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0)
"""Gates that are tried, in grey levels."""
WIDER_LEVELS = (6.0, 8.0, 12.0, 16.0)
"""Gates that are tried besides where the gate is all that there is to search for."""
LEAST_THRESHOLD, LARGEST_THRESHOLD = 0.02, 8.0
BISECTIONS = 5
GATE_BISECTIONS = 6
TIGHT = 0.95
"""A goal is met tightly from this share of its limit on."""

Attempt = Callable[[Calibrated], Trial]
"""Runs a policy on the part of the clip that is searched."""


def search_thresholds(attempt: Attempt, goal: Goal, base: Calibrated) -> Iterator[Trial]:
    """Yields trials: for each gate, thresholds by bisection; gates that miss the goal by themselves end it."""
    for levels in LEVELS:
        low, high = LEAST_THRESHOLD, LARGEST_THRESHOLD
        least = attempt(replace(base, threshold=low, levels=levels))
        yield least
        if not goal.is_met(least.miss):
            return
        for _ in range(BISECTIONS):
            middle = (low * high) ** 0.5
            trial = attempt(replace(base, threshold=middle, levels=levels))
            yield trial
            low, high = (middle, high) if goal.is_met(trial.miss) else (low, middle)


def search_gate(attempt: Attempt, goal: Goal, base: Calibrated, frames: int) -> Iterator[Trial]:
    """Yields trials of networks in which no threshold counts: gates up to the first that misses, then between them.

    The bisection ends where the goal is met tightly, or where one of the ``frames`` at most is left to be gained.
    """
    base = replace(base, threshold=0.0)
    met: Trial | None = None
    missed: Trial | None = None
    for levels in (*LEVELS, *WIDER_LEVELS):
        trial = attempt(replace(base, levels=levels))
        yield trial
        if not goal.is_met(trial.miss):
            missed = trial
            break
        if met is not None and levels > LEVELS[-1] and trial.work >= met.work:
            break
        met = trial
    for _ in range(GATE_BISECTIONS):
        if met is None or missed is None or met.miss.mean >= TIGHT * goal.limit:
            return
        if met.work - missed.work < 1.5 / frames:
            return
        trial = attempt(replace(base, levels=(met.policy.levels + missed.policy.levels) / 2))
        yield trial
        met, missed = (trial, missed) if goal.is_met(trial.miss) else (met, trial)
