"""Accuracy against multiply-accumulates."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from saccade.experiments.gate_comparison.table import Row

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def draw(found: Sequence[Row], measure: str = "accuracy") -> Figure:
    """Returns a plot of accuracy in percent against true MACs in millions, with 95 % intervals.

    Args:
        found: the rows of a comparison, at least one.
        measure: what the accuracy is.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 4.5), layout="constrained", dpi=150)
    axes = figure.add_subplot()
    macs = [row.macs / 1e6 for row in found]
    middle = (min(macs) + max(macs)) / 2
    for index, row in enumerate(found):
        half = row.accuracy.half_width
        x, y = row.macs / 1e6, 100 * row.accuracy.mean
        error = None if half is None else 100 * half
        axes.errorbar(x, y, error, fmt="o", capsize=3, color=f"C{index % 10}", label=row.label)
        side, away = ("left", 5) if x <= middle else ("right", -5)  # towards the middle, where no edge cuts it
        axes.annotate(row.label, (x, y), xytext=(away, 5), textcoords="offset points", ha=side, fontsize=8)
    axes.set_xlabel("true MACs of one image, millions")
    axes.set_ylabel(f"test {measure}, %")
    axes.grid(alpha=0.3)
    return figure
