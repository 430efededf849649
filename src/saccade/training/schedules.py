"""How the learning rate changes over a run: functions of the step alone, so that resuming needs no state."""

from __future__ import annotations

import math
from collections.abc import Callable

from saccade.graph.registry import Registry
from saccade.training.recipe import Recipe

Schedule = Callable[[Recipe, float], float]
"""Takes a recipe and the share of its steps that are done, 0..1; returns the factor of the highest rate, 0..1."""

schedules: Registry[Schedule] = Registry("schedule")
"""Every schedule by the name that recipes give."""


def learning_rate(recipe: Recipe, step: int, steps: int) -> float:
    """Returns the rate of one step.

    Args:
        recipe: names the schedule.
        step: from 0.
        steps: of the whole run.

    Raises:
        RegistryError: there is no such schedule.
    """
    return recipe.learning_rate * schedules.get(recipe.schedule)(recipe, step / steps)


@schedules.register("constant")
def constant(recipe: Recipe, done: float) -> float:
    """The same rate throughout."""
    return 1.0


@schedules.register("cosine")
def cosine(recipe: Recipe, done: float) -> float:
    """Half a cosine from the highest rate to 0, after a linear warm-up."""
    if done < recipe.warm_up:
        return done / recipe.warm_up
    return 0.5 + 0.5 * math.cos(math.pi * (done - recipe.warm_up) / (1 - recipe.warm_up))


@schedules.register("one-cycle")
def one_cycle(recipe: Recipe, done: float) -> float:
    """Linear from a 25th of the highest rate up to it in the warm-up, then linear to 0: for short runs."""
    if done < recipe.warm_up:
        return 0.04 + 0.96 * done / recipe.warm_up
    return (1 - done) / (1 - recipe.warm_up)


@schedules.register("steps")
def steps(recipe: Recipe, done: float) -> float:
    """Falls by the recipe's factor at each of its milestones."""
    passed = sum(done * recipe.epochs >= milestone for milestone in recipe.milestones)
    return float(recipe.factor**passed)


@schedules.register("exponential")
def exponential(recipe: Recipe, done: float) -> float:
    """Falls by the recipe's factor every epoch, and within it, so that runs of less than an epoch fall as well."""
    return float(recipe.factor ** (done * recipe.epochs))
