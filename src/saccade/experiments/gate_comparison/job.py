"""One run of a comparison."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from saccade.errors import DivergenceError
from saccade.training import Recipe, RunReport, StepProgress, train
from saccade.training.budget import Budget
from saccade.training.checkpoint import make_folder, save_json

RUNS = "runs"
STATES = "states"


@dataclass(frozen=True)
class Finished:
    """A finished run of a comparison.

    Attributes:
        label: of its contender.
        seed: of its recipe.
        report: what came out.
        at_a_time: runs of the comparison that went on beside each other, this one included; None where it was not
            written down.
    """

    label: str
    seed: int
    report: RunReport
    at_a_time: int | None = None


@dataclass(frozen=True)
class Job:
    """A run to be done.

    Attributes:
        label: of its contender.
        seed: of its recipe.
        recipe: seed and length included.
        name: of its files.
    """

    label: str
    seed: int
    recipe: Recipe
    name: str


@dataclass(frozen=True)
class Settings:
    """What all runs of a comparison have in common.

    Attributes:
        data: folder with ``train/CLASS/*`` and ``test/CLASS/*``.
        directory: of the comparison.
        accelerator: "cpu" or "cuda".
        cache: folder for decoded images; None for the one in the data's folder.
        save_every: seconds between saved states within an epoch.
        budget: from which the runs' length was made, or None.
        threads: of a run on the CPU, where several go on at a time.
        at_a_time: so many.
    """

    data: Path
    directory: Path
    accelerator: str
    cache: Path | None
    save_every: float
    budget: Budget | None
    threads: int
    at_a_time: int


def carry_out(
    job: Job,
    settings: Settings,
    environment: Callable[[], Mapping[str, Any]],
    on_step: Callable[[str, int, StepProgress], None] | None,
    devices: int | str = 1,
) -> Finished:
    """Does a run, from where it was stopped if it was, and writes down what came out.

    Args:
        job: to do.
        settings: of the comparison.
        environment: called once.
        on_step: told how far it has come.
        devices: 1 for any, "2," for the third.

    Raises:
        SaccadeError: as ``saccade.training.train``.
    """
    try:
        report = train(
            job.recipe,
            settings.data,
            settings.directory / STATES / job.name,
            resume=True,
            cache=settings.cache,
            accelerator=settings.accelerator,
            devices=devices,
            budget=settings.budget,
            save_every=settings.save_every,
            environment=environment(),
            on_step=None if on_step is None else lambda told: on_step(job.label, job.seed, told),
        )
    except DivergenceError as error:
        raise DivergenceError(f"{job.label}, seed {job.seed}: {error}") from error
    make_folder(settings.directory / RUNS)
    together = settings.at_a_time
    content = {"label": job.label, "seed": job.seed, "at_a_time": together, "report": report.to_dict()}
    save_json(settings.directory / RUNS / f"{job.name}.json", content)
    return Finished(job.label, job.seed, report, together)
