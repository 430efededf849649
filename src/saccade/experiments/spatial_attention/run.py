"""One run: from the digits to the files."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

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
    began = time.perf_counter()
    training = settings.training
    advance = track(f"training, {training.epochs} epochs", steps(digits, training))
    model, found = trained_network(digits, training, folder / f"{NAME}.safetensors", advance)
    if found:
        track("training: weights found in the folder", 1)("")
    digit = digits.test_images[0]
    with _threads(settings.threads):
        rows = table_1.table_1(model, digits, settings, track("Table 1", table_1.sequences_in(settings)))
        mended = deviations_room.deviations(model, digits, settings, track("deviations", deviations_room.STEPS))
        points = figure_6.figure_6(model, digits, settings, track("Figure 6", figure_6.steps(settings)))
        watched = high_resolution.high_resolution(
            model, digit, settings, track("high resolution", high_resolution.steps(settings))
        )
        figures: dict[str, Figure] = {
            "figure-4": draw_figure_4(digit, settings),
            "figure-5": draw_figure_5(change_maps(model, digit, settings), settings),
            "figure-6": figure_6.draw_figure_6(points),
            "high-resolution": draw_scene(digit, settings),
        }
    minutes = (time.perf_counter() - began) / 60
    environment = Environment.here(settings.threads, command, ("matplotlib", "scipy"))
    findings = Findings(
        settings, digits.source, accuracy(model, digits), rows, mended, points, watched, environment, minutes
    )
    for name, figure in figures.items():
        save(figure, folder / f"{name}.png")
    write_text(folder / f"{NAME}.json", json.dumps(findings.to_dict(), indent=1, allow_nan=False) + "\n")
    write_text(folder / f"{NAME}.md", findings.to_markdown())
    return findings


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
