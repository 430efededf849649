"""The plot of policies: work or time on one axis, error on the other, a panel a clip."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from saccade.agreement import Spread
from saccade.cli.bench.policy_contest import DENSE, ClipResult, Score
from saccade.cli.bench.policy_cost import Cost
from saccade.cli.figure import save_figure

COLOURS = ("#3b8fd9", "#f08a1d", "#2a9d61", "#c2417c", "#7a5cc4", "#8a6d3b", "#12a5a5", "#5b6770")
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")
NEAR = 0.02
"""Points whose cost and error differ by less than this share of the larger lie upon each other."""
ERRORS: tuple[tuple[str, Callable[[Spread], float]], ...] = (
    ("mean relative error", lambda spread: spread.mean),
    ("95th percentile", lambda spread: spread.percentile_95),
)


def write_plot(results: Sequence[ClipResult], path: Path, cost: Cost = Cost.macs) -> None:
    """Writes a PNG: one column a clip; mean error above, 95th percentile below; one point a policy.

    A line runs through the policies of one family. A dashed line is a yardstick's error.

    Args:
        results: of at least one clip.
        path: of the PNG.
        cost: the horizontal axis, as a share of the dense pass's.

    Raises:
        SinkError: when it cannot be written.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(1.6 + 3.5 * len(results), 6.6), dpi=140, layout="constrained")
    panels = figure.subplots(len(ERRORS), len(results), squeeze=False, sharex=True, sharey="row")
    families = list(
        dict.fromkeys(score.family for result in results for score in result.scores if score.kind == "policy")
    )
    for column, result in enumerate(results):
        for row, (label, error) in enumerate(ERRORS):
            axes = panels[row][column]
            _draw(axes, result, families, error, cost)
            axes.set_ylabel(label if column == 0 else "", fontsize=9)
        panels[0][column].set_title(f"{result.clip.rpartition('/')[2]}, {result.frames} frames", fontsize=9, loc="left")
        named = "multiply-adds" if cost is Cost.macs else "time"
        panels[-1][column].set_xlabel(f"{named}, share of the dense pass", fontsize=9)
    for axes in panels.flat:  # once all is drawn: panels share their axes, and a limit set earlier would stay
        axes.set_xlim(left=0)
        axes.set_ylim(bottom=0)
    handles, labels = panels[0][0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside right upper", frameon=False, fontsize=8)
    contest = results[0].contest
    height, width = contest.frame.shape[-2:]
    figure.suptitle(f"{Path(contest.chosen.name).name}, {height}x{width}", fontsize=10, x=0.01, ha="left")
    save_figure(figure, path)


def _draw(axes: Any, result: ClipResult, families: list[str], error: Callable[[Spread], float], cost: Cost) -> None:
    """Draws one clip's policies and yardsticks; a point where there is one already is a larger ring around it."""
    drawn: list[tuple[float, float]] = []
    for number, family in enumerate(families):
        points = sorted(_points(result, family, error, cost))
        if not points:
            continue
        colour, marker = look(number)
        costs, errors, values = zip(*points, strict=True)
        axes.plot(costs, errors, color=colour, linewidth=1.2, zorder=2)
        axes.plot([], [], color=colour, marker=marker, markersize=5, linewidth=1.2, label=family)
        for point, value in zip(zip(costs, errors, strict=True), values, strict=True):
            beneath = sum(_coincide(point, other) for other in drawn)
            drawn.append(point)
            axes.plot(
                *point,
                color=colour,
                marker=marker,
                markersize=5 + 5 * beneath,
                markerfacecolor="none" if beneath else colour,
                clip_on=False,
                zorder=3,
            )
            axes.annotate(value, point, xytext=(4, 3), textcoords="offset points", fontsize=6.5, color=colour)
    for number, score in enumerate(score for score in result.scores if score.kind == "yardstick"):
        height = error(Spread.of(score.errors))
        if math.isfinite(height):
            axes.axhline(
                height, color="#5b6770", linestyle=("--", ":", "-.")[number % 3], linewidth=1, label=score.name
            )
    axes.tick_params(labelsize=8)
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(color="#e6e9ec", linewidth=0.8)
    axes.set_axisbelow(True)


def look(number: int) -> tuple[str, str]:
    """Returns the colour and the marker of the family of a number from 0 up; no two are alike below 64."""
    turn = number // len(COLOURS)
    return COLOURS[number % len(COLOURS)], MARKERS[(number + turn) % len(MARKERS)]


def _coincide(point: tuple[float, float], other: tuple[float, float]) -> bool:
    return all(abs(one - two) <= NEAR * max(one, two) for one, two in zip(point, other, strict=True))


def _points(
    result: ClipResult, family: str, error: Callable[[Spread], float], cost: Cost
) -> list[tuple[float, float, str]]:
    """Returns cost, error and what stands beside its point for every policy of a family whose error is finite."""
    points = []
    for score in result.scores:
        spread, share = Spread.of(score.errors), _share(result, score, cost)
        if score.kind != "policy" or score.family != family or share is None or not math.isfinite(error(spread)):
            continue
        value = score.name.partition(":")[2]
        counted = f" ({spread.infinite} infinite)" if spread.infinite else ""
        points.append((share, error(spread), f"{value}{counted}"))
    return points


def _share(result: ClipResult, score: Score, cost: Cost) -> float | None:
    """Returns a policy's cost over the dense pass's."""
    if cost is Cost.macs:
        return score.macs_share
    dense = result.score(DENSE).milliseconds
    return score.milliseconds / dense if score.milliseconds is not None and dense else None
