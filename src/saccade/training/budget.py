"""How many steps fit into so many minutes: measured before a run begins, and kept for when it goes on."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from saccade.errors import CheckpointError, RecipeError
from saccade.training.checkpoint import STATE, make_folder, save_json
from saccade.training.processes import on_first, summed
from saccade.training.recipe import Recipe
from saccade.training.run import Run
from saccade.training.split import Splits

if TYPE_CHECKING:
    from lightning_fabric import Fabric

FILE = "budget.json"
WARM_UP = 2
LEAST_STEPS = 3
SECONDS_TO_MEASURE = 8.0
EVALUATED = 500
MARGIN = 0.97
"""Share of the minutes that is planned; the rest is for saving and the report."""


@dataclass(frozen=True)
class Budget:
    """The length of a run, or of each run of a comparison, derived from minutes.

    Attributes:
        minutes: a run may take, evaluations included.
        steps: that fit into them at the pace of the slowest.
        epochs: the same in passes over the training images.
        step_seconds: measured, by name of the contender; one for a single run.
        evaluation_seconds: of one evaluation, likewise.
        recipes: fingerprints of the recipes it was made for, by name, before their length was changed.
    """

    minutes: float
    steps: int
    epochs: float
    step_seconds: dict[str, float]
    evaluation_seconds: dict[str, float]
    recipes: dict[str, str]

    def applied(self, recipe: Recipe) -> Recipe:
        """Returns a recipe with this length."""
        return recipe.with_length(self.epochs)

    def to_dict(self) -> dict[str, Any]:
        """Returns the fields as plain values for JSON."""
        return asdict(self)


def make_budget(recipes: Mapping[str, Recipe], minutes: float, splits: Splits, fabric: Fabric) -> Budget:
    """Measures steps and evaluations of recipes that differ in the gate alone, and returns their common length.

    Args:
        recipes: by name; at least one.
        minutes: a run may take, above 0.
        splits: the images.
        fabric: launched.

    Raises:
        RecipeError: not one step fits.
    """
    if not 0 < minutes < float("inf"):
        raise RecipeError(f"a budget of {minutes:g} minutes was given; expected more than 0")
    steps_seconds, evaluations = {}, {}
    for name, recipe in recipes.items():
        steps_seconds[name], evaluations[name] = _measured(recipe, splits, fabric)
    recipe = next(iter(recipes.values()))
    per_epoch = len(splits.training) // recipe.batch
    lengths = {
        name: _steps(minutes * 60 * MARGIN, steps_seconds[name], evaluations[name], per_epoch, recipe.evaluate_every)
        for name in recipes
    }
    slowest = min(lengths, key=lambda name: lengths[name])
    if lengths[slowest] < 1:
        raise RecipeError(
            f"a budget of {minutes:g} minutes does not hold one step of {steps_seconds[slowest]:.2f} s and one "
            f"evaluation of {evaluations[slowest]:.1f} s ({slowest}); give more minutes, or a smaller network"
        )
    fingerprints = {name: recipe.fingerprint for name, recipe in recipes.items()}
    steps = lengths[slowest]
    return Budget(minutes, steps, steps / per_epoch, steps_seconds, evaluations, fingerprints)


def saved_budget(directory: Path) -> Budget | None:
    """Returns the budget of a folder with runs; None where they have none.

    Raises:
        CheckpointError: the file cannot be read.
    """
    path = directory / FILE
    if not path.is_file():
        return None
    try:
        return Budget(**json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError) as error:
        raise CheckpointError(f"{str(path)!r} is not a budget that can be read: {error}; remove the folder") from error


def settled_budget(
    recipes: Mapping[str, Recipe],
    minutes: float | None,
    splits: Splits,
    fabric: Fabric,
    directory: Path,
    signs: Sequence[str] = (STATE,),
) -> Budget | None:
    """Returns the budget of a folder, or makes one from minutes and keeps it there; None without either.

    Args:
        recipes: by name; at least one.
        minutes: a run may take, or None.
        splits: the images.
        fabric: launched.
        directory: the folder.
        signs: names of what is in it where a run was begun.

    Raises:
        CheckpointError: the folder has a budget of other minutes or of another recipe, or runs without one.
        RecipeError: not one step fits.
    """
    found, begun = on_first(
        fabric, lambda: (saved_budget(directory), any((directory / sign).exists() for sign in signs))
    )
    if found is None:
        if minutes is None:
            return None
        if begun:
            raise CheckpointError(
                f"{str(directory)!r} was begun without a budget; go on without one, or give another folder"
            )
        made = make_budget(recipes, minutes, splits, fabric)
        on_first(fabric, lambda: _keep(made, directory))
        return made
    if minutes is not None and minutes != found.minutes:
        raise CheckpointError(
            f"{str(directory)!r} was begun with a budget of {found.minutes:g} minutes, not {minutes:g}; give that, or "
            "another folder"
        )
    for name, recipe in recipes.items():
        if found.recipes.get(name, recipe.fingerprint) != recipe.fingerprint:
            raise CheckpointError(f"the budget in {str(directory)!r} is of another recipe; choose another folder")
    return found


def _keep(budget: Budget, directory: Path) -> None:
    make_folder(directory)
    save_json(directory / FILE, budget.to_dict())


def _measured(recipe: Recipe, splits: Splits, fabric: Fabric) -> tuple[float, float]:
    """Returns seconds of a step and of an evaluation, the slowest process's; the weights are thrown away."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(recipe.seed)
        run = Run(recipe, splits, Path(), fabric)
    run.model.train()
    for _ in range(WARM_UP):
        run.step()
    _wait(fabric)
    start, count = time.perf_counter(), 0
    going = True
    while going:
        run.step()
        count += 1
        _wait(fabric)
        # Processes must agree on the number of steps, each of which they do together.
        over = float(time.perf_counter() - start >= SECONDS_TO_MEASURE)
        going = count < LEAST_STEPS or float(summed(fabric, torch.tensor(over, device=fabric.device))) == 0
    step = (time.perf_counter() - start) / count
    images = splits.test if splits.validation is None else splits.validation
    some = run.task.first(images, EVALUATED)
    run.task.evaluate(run.network, some, recipe, fabric.device)
    start = time.perf_counter()
    run.task.evaluate(run.network, some, recipe, fabric.device)
    evaluation = (time.perf_counter() - start) * len(images) / len(some) / fabric.world_size
    step, evaluation = on_first(fabric, lambda: (step, evaluation))
    return step, evaluation


def _wait(fabric: Fabric) -> None:
    if fabric.device.type == "cuda":
        torch.cuda.synchronize()


def _steps(seconds: float, step: float, evaluation: float, per_epoch: int, evaluate_every: int) -> int:
    """Returns how many steps fit, with an evaluation every so many epochs and one at the end."""
    left = seconds - evaluation
    if evaluate_every == 0:
        return int(left / step)
    period = evaluate_every * per_epoch
    whole, rest = divmod(max(0.0, left), period * step + evaluation)
    return int(whole) * period + min(period, int(rest / step))
