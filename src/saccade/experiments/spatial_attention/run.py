"""One run: from the digits to the files."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import torch
from matplotlib.figure import Figure

from saccade.errors import SinkError
from saccade.experiments.spatial_attention import deviations as deviations_room
from saccade.experiments.spatial_attention import figure_6, high_resolution, table_1
from saccade.experiments.spatial_attention.digits import Digits
from saccade.experiments.spatial_attention.figure_4 import draw_figure_4
from saccade.experiments.spatial_attention.figure_5 import change_maps, draw_figure_5
from saccade.experiments.spatial_attention.network import accuracy, steps, trained_network
from saccade.experiments.spatial_attention.pictures import save
from saccade.experiments.spatial_attention.report import NAME, Findings
from saccade.experiments.spatial_attention.scene import draw_scene
from saccade.experiments.spatial_attention.settings import Settings
from saccade.measure import Environment

Advance = Callable[[str], None]
Result = TypeVar("Result")
Track = Callable[[str, int], Advance]
"""Begins a stage of so many steps, and returns what to call after each."""


def prepare_folder(folder: Path) -> None:
    """Makes the folder for the results.

    Raises:
        SinkError: when it cannot be made or written to.
    """
    probe = folder / f".{NAME}.{os.getpid()}.partial"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise SinkError(
            f"cannot write to the folder {str(folder)!r}: {error.strerror}; choose another one with --out"
        ) from error


def run(digits: Digits, settings: Settings, folder: Path, command: str, track: Track) -> Findings:
    """Trains the network or takes it from the folder, runs every experiment, and writes what came of them.

    Args:
        digits: to train and test on.
        settings: of the run.
        folder: for the weights and the results; see ``prepare_folder``.
        command: what was typed.
        track: shows the progress.
    """
    stages = _Stages(track)
    cache = folder / f"{NAME}.safetensors"
    model = stages.do("training", steps(digits, settings.training), trained_network, digits, settings.training, cache)
    digit = digits.test_images[0]
    with _threads(settings.threads):
        rows = stages.do("Table 1", table_1.sequences_in(settings), table_1.table_1, model, digits, settings)
        mended = stages.do("deviations", deviations_room.STEPS, deviations_room.deviations, model, digits, settings)
        points = stages.do("Figure 6", figure_6.steps(settings), figure_6.figure_6, model, digits, settings)
        watch, count = high_resolution.high_resolution, high_resolution.steps(settings)
        watched = stages.do("high resolution", count, watch, model, digit, settings)
        figures: dict[str, Figure] = {
            "figure-4": draw_figure_4(digit, settings),
            "figure-5": draw_figure_5(change_maps(model, digit, settings), settings),
            "figure-6": figure_6.draw_figure_6(points),
            "high-resolution": draw_scene(digit, settings),
        }
    environment = Environment.here(settings.threads, command, ("matplotlib", "scipy"))
    findings = Findings(
        settings, digits.source, accuracy(model, digits), rows, mended, points, watched, environment, stages.seconds
    )
    for name, figure in figures.items():
        save(figure, folder / f"{name}.png")
    write_text(folder / f"{NAME}.json", json.dumps(findings.to_dict(), indent=1, allow_nan=False) + "\n")
    write_text(folder / f"{NAME}.md", findings.to_markdown())
    return findings


class _Stages:
    """Runs one stage after the other, and remembers how long each took."""

    def __init__(self, track: Track) -> None:
        self.seconds: dict[str, float] = {}
        self._track = track

    def do(self, stage: str, steps: int, work: Callable[..., Result], *arguments: Any) -> Result:
        """Returns what ``work`` returns for the arguments and, behind them, the function that advances the stage."""
        advance = self._track(stage, steps)
        began = time.perf_counter()
        result = work(*arguments, advance)
        self.seconds[stage] = time.perf_counter() - began
        return result


def write_text(path: Path, text: str) -> None:
    """Writes a file, whole or not at all.

    Raises:
        SinkError: when it cannot be written.
    """
    draft = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        draft.write_text(text, encoding="utf-8")
        os.replace(draft, path)
    except OSError as error:
        raise SinkError(f"cannot write {path.name!r}: {error.strerror}") from error
    finally:
        draft.unlink(missing_ok=True)


@contextmanager
def _threads(count: int) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
