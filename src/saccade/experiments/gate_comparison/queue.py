"""The runs of a comparison, one at a time on each device; a killed comparison goes on where it was."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from saccade.errors import CheckpointError, RecipeError
from saccade.experiments.gate_comparison.job import RUNS, STATES, Finished, Job, Settings, carry_out
from saccade.experiments.gate_comparison.workers import carry_out_in_workers
from saccade.training import Recipe, RunReport, StepProgress, tasks
from saccade.training.budget import Budget, saved_budget, settled_budget
from saccade.training.inputs import load_splits
from saccade.training.processes import launch

OnRun = Callable[[str, int, "Finished | None"], None]
OnStep = Callable[[str, int, StepProgress], None]


def compare(
    contenders: Mapping[str, Recipe],
    seeds: Sequence[int],
    data: Path,
    directory: Path,
    *,
    budget: float | None = None,
    accelerator: str = "auto",
    devices: int = 1,
    per_device: int = 1,
    cache: Path | None = None,
    save_every: float = 60.0,
    environment: Callable[[], Mapping[str, Any]] = dict,
    on_run: OnRun | None = None,
    on_step: OnStep | None = None,
    on_read: Callable[[int, int], None] | None = None,
) -> list[Finished]:
    """Trains every contender with every seed: all contenders with the first seed, then all with the second, ....

    Leaves one JSON file a finished run in ``directory/runs``, and what goes on in ``directory/states``. Runs that are
    finished are not repeated, and one that was stopped goes on.

    Args:
        contenders: recipes by label, the same but for the gate.
        seeds: at least one.
        data: folder with ``train/CLASS/*`` and ``test/CLASS/*``.
        directory: of the comparison.
        budget: minutes that a run of the slowest contender may take, from which the number of steps of all is made;
            None for the recipe's own length.
        accelerator: "auto", "cpu" or "cuda".
        devices: that runs go on at a time; on the CPU so many runs at a time, each with its share of the threads.
        per_device: runs at a time on each device: several small networks fill a large GPU better than one.
        cache: folder for decoded images; by default in the data's folder.
        save_every: seconds between saved states within an epoch.
        environment: called once a run; machine, versions, date and command. With several runs at a time, each in a
            process of its own, it must be a module's function, and a script that calls this must be guarded by
            ``if __name__ == "__main__"``.
        on_run: called with label and seed before a run, and with what came out after it.
        on_step: called with label, seed and how far the run has come.
        on_read: called while images are read for the first time.

    Raises:
        SaccadeError: as ``saccade.training.train``; or ``directory`` holds a run of another recipe.
    """
    for recipe in contenders.values():
        tasks.get(recipe.task).build(recipe)  # a gate that does not fit is told before hours of training, not after
    accelerator = _resolved(accelerator, devices)
    at_a_time = devices * per_device
    threads = max(1, torch.get_num_threads() // at_a_time)
    made = _prepared(contenders, data, directory, budget, accelerator, threads, cache, on_read)
    if made is not None:
        contenders = {label: made.applied(recipe) for label, recipe in contenders.items()}
    done = {(run.label, run.seed): run for run in finished_runs(contenders, seeds, directory)}
    jobs = [job for job in _queue(contenders, seeds) if (job.label, job.seed) not in done]
    together = max(1, min(at_a_time, len(jobs)))
    settings = Settings(data, directory, accelerator, cache, save_every, made, threads, together)
    if together == 1:
        for job in jobs:
            if on_run is not None:
                on_run(job.label, job.seed, None)
            done[job.label, job.seed] = carry_out(job, settings, environment, on_step)
            if on_run is not None:
                on_run(job.label, job.seed, done[job.label, job.seed])
    else:
        for run in carry_out_in_workers(jobs, settings, devices, environment, on_run, on_step):
            done[run.label, run.seed] = run
    return [done[job.label, job.seed] for job in _queue(contenders, seeds)]


def finished_runs(contenders: Mapping[str, Recipe], seeds: Sequence[int], directory: Path) -> list[Finished]:
    """Returns the runs of a comparison that are finished; of the length that its budget gave, where it has one.

    Raises:
        CheckpointError: a file in ``directory/runs`` cannot be read, or is a run of another recipe.
    """
    budget = saved_budget(directory)
    if budget is not None:
        contenders = {label: budget.applied(recipe) for label, recipe in contenders.items()}
    found = []
    for job in _queue(contenders, seeds):
        path = directory / RUNS / f"{run_name(job.label, job.seed)}.json"
        if not path.is_file():
            continue
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            report = RunReport.from_dict(content["report"])
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise CheckpointError(f"{str(path)!r} is not a run's report that can be read: {error}") from error
        if report.fingerprint != job.recipe.fingerprint:
            raise CheckpointError(
                f"{str(path)!r} is a run of another recipe ({report.fingerprint}, not {job.recipe.fingerprint}); give "
                "the recipe and settings of that comparison, or another --output"
            )
        found.append(Finished(job.label, job.seed, report, content.get("at_a_time")))
    return found


def run_name(label: str, seed: int) -> str:
    """Returns the name of a run's files."""
    return f"{re.sub(r'[^A-Za-z0-9._=-]', '_', label)}-seed{seed}"


def _queue(contenders: Mapping[str, Recipe], seeds: Sequence[int]) -> Iterator[Job]:
    for seed in seeds:
        for label, recipe in contenders.items():
            yield Job(label, seed, recipe.replace(seed=seed), run_name(label, seed))


def _resolved(accelerator: str, devices: int) -> str:
    """Returns which accelerator "auto" means.

    Raises:
        RecipeError: there are not so many devices.
    """
    if accelerator == "auto":
        accelerator = "cuda" if torch.cuda.is_available() else "cpu"
    there = torch.cuda.device_count() if accelerator in ("cuda", "gpu") else devices
    if devices > there:
        raise RecipeError(f"{devices} devices were asked for and {there} are there; give --devices {max(1, there)}")
    return accelerator


def _prepared(
    contenders: Mapping[str, Recipe],
    data: Path,
    directory: Path,
    minutes: float | None,
    accelerator: str,
    threads: int,
    cache: Path | None,
    on_read: Callable[[int, int], None] | None,
) -> Budget | None:
    """Decodes the images, and settles the length of the runs with as many threads as each will have."""
    first = next(iter(contenders.values()))
    fabric = launch(first.precision, accelerator, 1, 1)
    splits = load_splits(first, data, fabric, cache, on_read)
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        return settled_budget(contenders, minutes, splits, fabric, directory, (RUNS, STATES))
    finally:
        torch.set_num_threads(before)
