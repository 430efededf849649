"""The check: which of the trials keeps to the goal on frames that the search has not seen, too."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from saccade.calibration.goal import Goal
from saccade.calibration.search import Attempt
from saccade.calibration.trial import Trial
from saccade.errors import CalibrationError
from saccade.policy import Calibrated

RETREATS = 4
RETREAT = 0.75


def choose(
    attempt: Attempt, check: Attempt, goal: Goal, trials: list[Trial], say: Callable[[str], None]
) -> tuple[Trial, Trial]:
    """Returns the cheapest trial that keeps to the goal on both parts of the clip.

    Where the cheapest on the searched part misses the goal on the other, four retreats of it are checked, each by a
    quarter in its threshold and its gate; then the other trials that kept to the goal, the cheapest first, but not
    those that are no milder than one that missed it.

    Args:
        attempt: runs a policy on the searched part.
        check: runs a policy on the part that was kept back.
        goal: to be kept to.
        trials: on the searched part; retreats are added.
        say: is told of each check.

    Returns:
        The trial, and the same policy on the part that was kept back.

    Raises:
        CalibrationError: when none does; names the nearest.
    """
    meeting = sorted((trial for trial in trials if goal.is_met(trial.miss)), key=lambda trial: trial.work)
    if not meeting:
        raise CalibrationError(_unmet(goal, trials, "of the clip's first two thirds"))
    missed: list[Trial] = []
    for chosen in _candidates(attempt, meeting, trials):
        if not goal.is_met(chosen.miss) or any(_is_as_wide(chosen.policy, held.policy) for held in missed):
            continue
        held = check(chosen.policy)
        say(f"held back: work {held.work:.1%}, mean {held.miss.mean:.4f}")
        if goal.is_met(held.miss):
            return chosen, held
        missed.append(held)
    raise CalibrationError(_unmet(goal, missed, "of the frames that were kept back"))


def _candidates(attempt: Attempt, meeting: list[Trial], trials: list[Trial]) -> Iterator[Trial]:
    """Yields the cheapest trial, its retreats, which are tried and added, and the other trials from the cheapest on."""
    yield meeting[0]
    policy = meeting[0].policy
    for _ in range(RETREATS):
        policy = replace(policy, threshold=policy.threshold * RETREAT, levels=policy.levels * RETREAT)
        trials.append(attempt(policy))
        yield trials[-1]
    yield from meeting[1:]


def _is_as_wide(policy: Calibrated, other: Calibrated) -> bool:
    return policy.threshold >= other.threshold and policy.levels >= other.levels


def _unmet(goal: Goal, trials: list[Trial], where: str) -> str:
    nearest = min(trials, key=lambda trial: (trial.miss.infinite, trial.miss.mean))
    infinite = f" and infinite on {nearest.miss.infinite} frames" if nearest.miss.infinite else ""
    return (
        f"the goal, {goal} in the mean, cannot be met: the nearest {where} is {nearest.miss.mean:.4g}{infinite} at "
        f"{nearest.work:.1%} of the work (threshold {nearest.policy.threshold:.3g}, gate {nearest.policy.levels:g} "
        "grey levels): allow more, or use the policy near or exact"
    )
