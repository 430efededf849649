"""The runs of a comparison, one after the other; a killed comparison goes on where it was."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from saccade.errors import CheckpointError
from saccade.training import Recipe, RunReport, StepProgress, build_network, train
from saccade.training.checkpoint import save_json

RUNS = "runs"
STATES = "states"


@dataclass(frozen=True)
class Finished:
    """A finished run of a comparison.

    Attributes:
        label: of its contender.
        seed: of its recipe.
        report: what came out.
    """

    label: str
    seed: int
    report: RunReport


def compare(
    contenders: Mapping[str, Recipe],
    seeds: Sequence[int],
    data: Path,
    directory: Path,
    *,
    environment: Callable[[], Mapping[str, Any]] = dict,
    on_run: Callable[[str, int, Finished | None], None] | None = None,
    on_step: Callable[[StepProgress], None] | None = None,
    **options: Any,
) -> list[Finished]:
    """Trains every contender with every seed: all contenders with the first seed, then all with the second, ....

    Leaves one JSON file a finished run in ``directory/runs``, and what goes on in ``directory/states``. Runs that are
    finished are not repeated, and one that was stopped goes on.

    Args:
        contenders: recipes by label, the same but for the gate.
        seeds: at least one.
        data: folder with train/CLASS/* and test/CLASS/*.
        directory: of the comparison.
        environment: called once a run; machine, versions, date and command.
        on_run: called with label and seed before a run, and with what came out after it.
        on_step: called after every step of every run.
        **options: of ``saccade.training.train``.

    Raises:
        SaccadeError: as ``saccade.training.train``; or ``directory`` holds a run of another recipe.
    """
    for recipe in contenders.values():
        build_network(recipe)  # a gate that does not fit is told before hours of training, not after
    done = {(run.label, run.seed): run for run in finished_runs(contenders, seeds, directory)}
    for seed, label, recipe in _queue(contenders, seeds):
        if (label, seed) in done:
            continue
        if on_run is not None:
            on_run(label, seed, None)
        name = run_name(label, seed)
        report = train(
            recipe,
            data,
            directory / STATES / name,
            resume=True,
            environment=environment(),
            on_step=on_step,
            **options,
        )
        (directory / RUNS).mkdir(parents=True, exist_ok=True)
        save_json(directory / RUNS / f"{name}.json", {"label": label, "seed": seed, "report": report.to_dict()})
        done[label, seed] = Finished(label, seed, report)
        if on_run is not None:
            on_run(label, seed, done[label, seed])
    return [done[label, seed] for seed, label, _ in _queue(contenders, seeds)]


def finished_runs(contenders: Mapping[str, Recipe], seeds: Sequence[int], directory: Path) -> list[Finished]:
    """Returns the runs of a comparison that are finished.

    Raises:
        CheckpointError: a file in ``directory/runs`` cannot be read, or is a run of another recipe.
    """
    found = []
    for seed, label, recipe in _queue(contenders, seeds):
        path = directory / RUNS / f"{run_name(label, seed)}.json"
        if not path.is_file():
            continue
        try:
            report = RunReport.from_dict(json.loads(path.read_text(encoding="utf-8"))["report"])
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise CheckpointError(f"{str(path)!r} is not a run's report that can be read: {error}") from error
        if report.fingerprint != recipe.fingerprint:
            raise CheckpointError(
                f"{str(path)!r} is a run of another recipe ({report.fingerprint}, not {recipe.fingerprint}); give the "
                "recipe and settings of that comparison, or another --output"
            )
        found.append(Finished(label, seed, report))
    return found


def run_name(label: str, seed: int) -> str:
    """Returns the name of a run's files."""
    return f"{re.sub(r'[^A-Za-z0-9._=-]', '_', label)}-seed{seed}"


def _queue(contenders: Mapping[str, Recipe], seeds: Sequence[int]) -> Iterator[tuple[int, str, Recipe]]:
    for seed in seeds:
        for label, recipe in contenders.items():
            yield seed, label, recipe.replace(seed=seed)
