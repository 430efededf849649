"""The plot of a calibration: work against error of all that was tried."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from saccade.cli.figure import save_figure

if TYPE_CHECKING:
    from saccade.calibration import Calibration


def write_calibration_plot(calibration: Calibration, title: str, path: Path) -> None:
    """Writes a PNG: one line a gate, the goal dashed, the chosen policy and its check on frames kept back marked.

    Raises:
        SinkError: when it cannot be written.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7.2, 4.6), dpi=140, layout="constrained")
    axes = figure.subplots()
    for levels in sorted({trial.policy.levels for trial in calibration.trials}):
        points = sorted(
            (trial.work * 100, trial.miss.mean) for trial in calibration.trials if trial.policy.levels == levels
        )
        axes.plot(*zip(*points, strict=True), marker="o", markersize=3.5, linewidth=1, label=f"gate {levels:g}")
    axes.axhline(
        calibration.goal.limit, color="#5b6770", linestyle="--", linewidth=1, label=f"goal: {calibration.goal}"
    )
    for trial, marker, label in (
        (calibration.chosen, "*", "chosen"),
        (calibration.held_back, "X", "chosen, on frames kept back"),
    ):
        axes.plot(trial.work * 100, trial.miss.mean, marker, markersize=11, color="#c2417c", label=label)
    axes.set_xlabel("multiply-adds, % of the dense pass")
    axes.set_ylabel("mean relative error" if calibration.goal.metric is None else "mean disagreement")
    axes.set_xlim(left=0)
    axes.set_ylim(0, max(calibration.goal.limit * 2.5, calibration.held_back.miss.mean * 1.2))
    axes.set_title(title, fontsize=10, loc="left")
    axes.legend(fontsize=8, frameon=False)
    save_figure(figure, path)
