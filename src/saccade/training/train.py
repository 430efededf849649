"""One training run."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from saccade.errors import CheckpointError, MissingPackageError
from saccade.training.checkpoint import LAST, REPORT, STATE, load_state, save_json
from saccade.training.images import Progress as ReadingProgress
from saccade.training.recipe import Recipe
from saccade.training.report import RunReport
from saccade.training.run import Run, StepProgress
from saccade.training.tasks import tasks

if TYPE_CHECKING:
    from lightning_fabric import Fabric


def train(
    recipe: Recipe,
    data: Path,
    directory: Path,
    *,
    resume: bool = False,
    cache: Path | None = None,
    accelerator: str = "auto",
    devices: int | str = 1,
    nodes: int = 1,
    save_every: float = 60.0,
    environment: Mapping[str, Any] | None = None,
    on_step: Callable[[StepProgress], None] | None = None,
    on_read: ReadingProgress | None = None,
) -> RunReport:
    """Trains a network by a recipe.

    Leaves ``last.safetensors`` and ``best.safetensors`` (weights; load them with the same network and gate),
    ``state.pt`` (what ``resume`` needs) and, at the end, ``report.json`` in the directory.

    Args:
        recipe: what to do.
        data: folder with train/CLASS/* and test/CLASS/*.
        directory: of the run's files; made when missing.
        resume: goes on from where a run of the same recipe in that directory was stopped, and gives the same weights
            as if it had not been; starts one where there is none; returns the report of a finished one.
        cache: folder for decoded images; by default in the data's folder.
        accelerator: "auto", "cpu" or "cuda", as Lightning Fabric takes it.
        devices: how many of them, or "auto".
        nodes: machines.
        save_every: seconds between saved states within an epoch.
        environment: machine, versions, date and command, to be kept in the report.
        on_step: called after every step.
        on_read: called while images are read for the first time.

    Raises:
        DataError: images are missing, too few, or of another number of classes.
        RecipeError: the recipe contradicts itself or the machine.
        CheckpointError: the directory holds another run, or a file cannot be written or read.
        DivergenceError: the loss is not finite; the last good state is kept.
        MissingPackageError: Lightning Fabric is not installed.
    """
    finished = _finished(recipe, directory, resume)
    if finished is not None:
        return finished
    fabric = _fabric(recipe, accelerator, devices, nodes)
    fabric.launch()
    training, test = tasks.get(recipe.task).load(recipe, data, cache, on_read)
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CheckpointError(f"cannot make the folder {str(directory)!r}: {error.strerror}; choose another") from error
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(recipe.seed)
        run = Run(recipe, training, test, directory, fabric)
        if (directory / STATE).is_file():
            run.restore(load_state(directory / STATE))
        report = run.finish(save_every, on_step, dict(environment or {}))
    if fabric.is_global_zero:
        save_json(directory / REPORT, report.to_dict())
    return report


def _finished(recipe: Recipe, directory: Path, resume: bool) -> RunReport | None:
    """Returns the report of a finished run of the same recipe.

    Raises:
        CheckpointError: the directory holds a run, and it is another one or is not to be resumed.
    """
    there = [name for name in (REPORT, STATE, LAST) if (directory / name).exists()]
    if there and not resume:
        raise CheckpointError(
            f"{str(directory)!r} holds a run already ({', '.join(there)}); go on with it by --resume, or choose "
            "another folder"
        )
    if REPORT not in there:
        return None
    try:
        report = RunReport.from_dict(json.loads((directory / REPORT).read_text(encoding="utf-8")))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CheckpointError(f"{str(directory / REPORT)!r} is not a report that can be read: {error}") from error
    if report.fingerprint != recipe.fingerprint:
        raise CheckpointError(
            f"{str(directory)!r} holds a finished run of another recipe ({report.recipe['name']}, "
            f"{report.fingerprint}, not {recipe.fingerprint}); choose another folder"
        )
    return report


def _fabric(recipe: Recipe, accelerator: str, devices: int | str, nodes: int) -> Fabric:
    try:
        from lightning_fabric import Fabric
    except ImportError as error:
        raise MissingPackageError(
            "training needs Lightning Fabric, which is not installed: pip install 'saccade[train]'"
        ) from error
    return Fabric(accelerator=accelerator, devices=devices, num_nodes=nodes, precision=recipe.precision)  # type: ignore[arg-type]
