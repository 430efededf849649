"""One training run."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import torch

from saccade.errors import CheckpointError
from saccade.training.budget import FILE as BUDGET
from saccade.training.budget import Budget, settled_budget
from saccade.training.checkpoint import LAST, REPORT, STATE, load_state, make_folder, remove_leftovers
from saccade.training.images import Progress as ReadingProgress
from saccade.training.inputs import load_splits
from saccade.training.model_card import write_report
from saccade.training.processes import launch, on_first, told_of_loss, without_false_alarms
from saccade.training.progress import StepProgress
from saccade.training.recipe import Recipe
from saccade.training.report import RunReport
from saccade.training.run import Run
from saccade.training.tensorboard import TensorBoard


def train(
    recipe: Recipe,
    data: Path,
    directory: Path,
    *,
    resume: bool = False,
    cache: Path | None = None,
    download: bool = False,
    accelerator: str = "auto",
    devices: int | str = 1,
    nodes: int = 1,
    budget: float | Budget | None = None,
    save_every: float = 60.0,
    tensorboard: bool = False,
    environment: Mapping[str, Any] | None = None,
    on_step: Callable[[StepProgress], None] | None = None,
    on_read: ReadingProgress | None = None,
) -> RunReport:
    """Trains a network by a recipe.

    Leaves ``last.safetensors`` and ``best.safetensors`` (weights; ``load_trained`` and ``saccade run`` take them),
    ``state.pt`` (what ``resume`` needs) and, at the end, ``report.json``, ``report.md`` and ``curves.png`` in the
    directory.

    Args:
        recipe: what to do.
        data: folder of the recipe's data set: for most, ``train/CLASS/*`` and ``test/CLASS/*``.
        directory: of the run's files; made when missing.
        resume: goes on from where a run of the same recipe in that directory was stopped, and gives the same weights
            as if it had not been; starts one where there is none; returns the report of a finished one.
        cache: folder for decoded images; by default in the data's folder.
        download: whether what is missing in the data's folder may be fetched, where the data set can be.
        accelerator: "auto", "cpu" or "cuda", as Lightning Fabric takes it.
        devices: how many of them, "auto" for all, or "2," for the third alone. With several, and outside torchrun, the
            script that calls this is started once more for each further one.
        nodes: machines.
        budget: minutes into which the run is to fit, or what was made of them; None for the recipe's own length.
        save_every: seconds between saved states within an epoch.
        tensorboard: whether event files for TensorBoard are written into the directory.
        environment: machine, versions, date and command, to be kept in the report.
        on_step: called in the first process when losses have been looked at: after every step of a single process on
            the CPU, every 20 steps elsewhere.
        on_read: called while images are read for the first time.

    Returns:
        The report, in every process.

    Raises:
        DataError: images are missing, too few, or of another number of classes.
        RecipeError: the recipe contradicts itself or the machine.
        CheckpointError: the directory holds another run, or a file cannot be written or read.
        DivergenceError: the loss or a weight is not finite; the last good state is kept.
        ProcessError: another process of the run is gone.
        MissingPackageError: Lightning Fabric or TensorBoard is not installed.
    """
    fabric = launch(recipe.precision, accelerator, devices, nodes)
    with told_of_loss(), without_false_alarms():
        finished = on_first(fabric, lambda: _prepared(directory, resume))
        if finished is not None:
            return _as_asked(finished, recipe, budget, directory)
        splits = load_splits(recipe, data, fabric, cache, on_read, download)
        if not isinstance(budget, Budget):
            budget = settled_budget({recipe.name: recipe}, budget, splits, fabric, directory)
            recipe = recipe if budget is None else budget.applied(recipe)
        with ExitStack() as stack:
            stack.enter_context(torch.random.fork_rng(devices=[]))
            torch.manual_seed(recipe.seed)
            run = Run(recipe, splits, directory, fabric)
            on_first(fabric, lambda: make_folder(directory))  # not before, so that a mistake leaves none
            state = on_first(fabric, lambda: load_state(directory / STATE) if (directory / STATE).is_file() else None)
            if state is not None:
                run.restore(state)
            log = None
            if tensorboard and fabric.is_global_zero:
                log = stack.enter_context(TensorBoard(directory, run.progress.step)).log
            run.finish(save_every, on_step, log)
            report = run.report(environment or {}, None if budget is None else budget.to_dict())
        on_first(fabric, lambda: write_report(directory, report))
    return report


def _prepared(directory: Path, resume: bool) -> RunReport | None:
    """Returns the report of a finished run in a directory, and removes what a killed one left half-written.

    Raises:
        CheckpointError: the directory holds a run that is not to be resumed, or its report cannot be read.
    """
    there = [name for name in (REPORT, STATE, LAST) if (directory / name).exists()]
    if there and not resume:
        raise CheckpointError(
            f"{str(directory)!r} holds a run already ({', '.join(there)}); go on with it by --resume, or choose "
            "another folder"
        )
    remove_leftovers(directory)
    if not there and not resume and directory.is_dir():
        (directory / BUDGET).unlink(missing_ok=True)
    if REPORT not in there:
        return None
    try:
        return RunReport.from_dict(json.loads((directory / REPORT).read_text(encoding="utf-8")))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CheckpointError(f"{str(directory / REPORT)!r} is not a report that can be read: {error}") from error


def _as_asked(report: RunReport, recipe: Recipe, budget: float | Budget | None, directory: Path) -> RunReport:
    """Returns a finished run's report.

    Raises:
        CheckpointError: it is another recipe's, or of another budget.
    """
    minutes = None if report.budget is None else report.budget["minutes"]
    if isinstance(budget, (int, float)) and budget != minutes:
        had = "no budget" if minutes is None else f"a budget of {minutes:g} minutes"
        raise CheckpointError(
            f"{str(directory)!r} holds a finished run with {had}, not {budget:g} minutes; choose another folder"
        )
    asked = recipe.fingerprint
    made = report.fingerprint if report.budget is None else report.budget["recipes"].get(recipe.name)
    if asked not in (made, report.fingerprint):
        raise CheckpointError(
            f"{str(directory)!r} holds a finished run of another recipe ({report.recipe['name']}, "
            f"{made or report.fingerprint}, not {asked}); choose another folder"
        )
    return report
