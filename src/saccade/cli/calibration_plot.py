"""The plot of a calibration: work against error of all that was tried."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from saccade.cli.figure import save_figure

if TYPE_CHECKING:
    from saccade.calibration import Calibration, Trial

CHOSEN: dict[str, Any] = {"markersize": 13, "markeredgecolor": "white", "zorder": 5, "clip_on": False}


def write_calibration_plot(calibration: Calibration, title: str, path: Path) -> None:
    """Writes a PNG: one line a gate, or one through all gates where no threshold counts.

    The goal is dashed; the chosen policy and its check on frames kept back are marked.

    Raises:
        SinkError: when it cannot be written.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7.2, 4.6), dpi=140, layout="constrained")
    axes = figure.subplots()
    if calibration.gate_alone:
        _draw_gates(axes, calibration.trials)
    else:
        _draw_thresholds(axes, calibration.trials)
    axes.axhline(
        calibration.goal.limit, color="#5b6770", linestyle="--", linewidth=1, label=f"goal: {calibration.goal}"
    )
    for trial, marker, label in (
        (calibration.chosen, "*", "chosen"),
        (calibration.held_back, "X", "chosen, on frames kept back"),
    ):
        axes.plot(trial.work * 100, trial.miss.mean, marker, color="#c2417c", label=label, **CHOSEN)
    axes.set_xlabel("multiply-adds, % of the dense pass")
    axes.set_ylabel("mean relative error" if calibration.goal.metric is None else "mean disagreement")
    top = _top(calibration)
    axes.set_xlim(left=-3)
    axes.set_ylim(-0.03 * top, top)  # a little below 0, where points without an error would be cut in half
    axes.set_title(title, fontsize=10, loc="left")
    axes.legend(fontsize=8, frameon=False)
    save_figure(figure, path)


def _draw_thresholds(axes: Any, trials: Sequence[Trial]) -> None:
    """Draws a line for each gate."""
    for levels in sorted({trial.policy.levels for trial in trials}):
        points = sorted((trial.work * 100, trial.miss.mean) for trial in trials if trial.policy.levels == levels)
        axes.plot(*zip(*points, strict=True), marker="o", markersize=3.5, linewidth=1, label=f"gate {levels:g}")


def _draw_gates(axes: Any, trials: Sequence[Trial]) -> None:
    """Draws one line through all gates, each beside its point; of gates that did the same, the widest."""
    widest = {(trial.work, trial.miss.mean): trial.policy.levels for trial in sorted(trials, key=_levels)}
    points = sorted((work * 100, miss) for work, miss in widest)
    axes.plot(*zip(*points, strict=True), marker="o", markersize=3.5, linewidth=1, color="#3b8fd9", label="gates")
    for (work, miss), levels in widest.items():
        if math.isfinite(miss):
            axes.annotate(
                f"{levels:.3g}", (work * 100, miss), xytext=(5, 5), textcoords="offset points", fontsize=7, clip_on=True
            )


def _top(calibration: Calibration) -> float:
    """Returns the upper end of the axis, which shows the goal, the chosen trial and the nearest one that missed."""
    limit = calibration.goal.limit
    missed = [trial.miss.mean for trial in calibration.trials if limit < trial.miss.mean < math.inf]
    shown = [limit * 2, calibration.chosen.miss.mean, calibration.held_back.miss.mean, *sorted(missed)[:1]]
    return 1.1 * max(shown)


def _levels(trial: Trial) -> float:
    return trial.policy.levels
