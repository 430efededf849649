"""Figure 6: accuracy and time against the threshold, published rule and corrected rule.

Paper: accuracy falls and speed grows with the threshold; which of it is an artefact it does not say.
Cost: about two minutes for fifteen thresholds; the time is that of the sequential program.
Expected: the published rule's prediction is constant from 4 on, where no 2 x 2 pooling can fire any more.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from matplotlib.figure import Figure
from torch import nn

from saccade.experiments.spatial_attention.contenders import Contender, Dense
from saccade.experiments.spatial_attention.digits import Digits
from saccade.experiments.spatial_attention.pictures import CORRECTED, PUBLISHED, QUIET
from saccade.experiments.spatial_attention.quality import Quality, judge
from saccade.experiments.spatial_attention.settings import Settings

SEQUENCES = ("II as published", "II corrected")
POOLINGS_DEAD, CONVOLUTIONS_DEAD = 4.0, 9.0
"""Thresholds from which on, in the published rule, no 2 x 2 pooling and no hidden 3 x 3 convolution fires."""


@dataclass(frozen=True)
class Point:
    """One threshold.

    Attributes:
        sequence: of experiment II, as published or corrected.
        rule: published or corrected.
        threshold: tau.
        quality: over all draws.
        milliseconds: a frame, sequentially: the median over the timed sequences.
    """

    sequence: str
    rule: str
    threshold: float
    quality: Quality
    milliseconds: float

    def to_dict(self) -> dict[str, Any]:
        """Returns plain values."""
        return {
            "sequence": self.sequence,
            "rule": self.rule,
            "threshold": self.threshold,
            **self.quality.to_dict(),
            "milliseconds_a_frame": self.milliseconds,
        }


def figure_6(
    model: nn.Sequential, digits: Digits, settings: Settings, advance: Callable[[str], None] = lambda line: None
) -> list[Point]:
    """Returns the points of both rules on both sequences.

    Args:
        model: the trained network.
        digits: whose test digits are drawn.
        settings: of the run.
        advance: called after every threshold with what was done.
    """
    dense, points = Dense(model), []
    for sequence in SEQUENCES:
        shown = list(settings.shown(digits, settings.motions[sequence], settings.draws))
        for threshold in settings.thresholds:
            rules = {"published": settings.published(threshold), "corrected": settings.corrected(threshold)}
            quick: dict[str, Contender] = {
                name: settings.cnn3(model, rule, sequential=False) for name, rule in rules.items()
            }
            qualities, _ = judge(quick, shown, dense)
            for name, rule in rules.items():
                slow, seconds = settings.cnn3(model, rule), []
                for one in shown[: settings.digits]:
                    began = time.perf_counter()
                    slow.watch(one.frames)
                    seconds.append((time.perf_counter() - began) / len(one.frames))
                milliseconds = statistics.median(seconds) * 1e3
                points.append(Point(sequence, name, threshold, qualities[name], milliseconds))
            advance(f"Figure 6, tau {threshold:g}")
    return points


def steps(settings: Settings) -> int:
    """Returns how many steps ``figure_6`` announces."""
    return len(SEQUENCES) * len(settings.thresholds)


def draw_figure_6(points: list[Point]) -> Figure:
    """Returns the figure: accuracy above, time below, one column for each sequence."""
    sequences = list(dict.fromkeys(point.sequence for point in points))
    figure = Figure(figsize=(5.2 * len(sequences), 6.6), layout="constrained")
    grid = figure.subplots(2, len(sequences), squeeze=False, sharex=True, sharey="row")
    for column, sequence in enumerate(sequences):
        above, below = grid[0][column], grid[1][column]
        for rule, colour, mark in (("published", PUBLISHED, "s"), ("corrected", CORRECTED, "o")):
            chosen = [point for point in points if (point.sequence, point.rule) == (sequence, rule)]
            taus = [point.threshold for point in chosen]
            accuracies = [100 * point.quality.accuracy for point in chosen]
            spreads = [100 * point.quality.spread for point in chosen]
            # The bar of what is nearly always right would reach beyond what can be.
            reach = [
                spreads,
                [min(spread, 100 - accuracy) for spread, accuracy in zip(spreads, accuracies, strict=True)],
            ]
            above.errorbar(
                taus, accuracies, reach, color=colour, marker=mark, markersize=5, capsize=2, elinewidth=0.8,
                label=f"{rule} rule",
            )  # fmt: skip
            below.plot(taus, [point.milliseconds for point in chosen], color=colour, marker=mark, markersize=5)
        for axes in (above, below):
            _mark_artefact(axes, max(point.threshold for point in points))
            axes.grid(alpha=0.25)
        above.set_title(f"experiment {sequence}", fontsize=11)
        below.set_xlabel("threshold tau", fontsize=10)
    grid[0][0].set_ylabel("accuracy in %, with standard deviation\nover draws of digits", fontsize=10)
    grid[1][0].set_ylabel("milliseconds a frame,\nplace by place", fontsize=10)
    grid[0][0].set_ylim(0, 105)
    grid[1][0].set_ylim(bottom=0)
    figure.suptitle("Figure 6: accuracy and time against the threshold", fontsize=12)
    handles, labels = grid[0][0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=2, fontsize=9, frameon=False)
    return figure


def _mark_artefact(axes: Any, largest: float) -> None:
    """Shades where the published rule computes nothing at all, not even on the first frame."""
    if largest < POOLINGS_DEAD:
        return
    end = max(largest, POOLINGS_DEAD) + 0.3
    axes.axvspan(
        POOLINGS_DEAD, end, color=QUIET, alpha=0.16, lw=0,
        label="artefact of the published rule: no pooling fires, the prediction is constant",
    )  # fmt: skip
    if largest >= CONVOLUTIONS_DEAD:
        axes.axvspan(
            CONVOLUTIONS_DEAD, end, color=QUIET, alpha=0.22, lw=0, label="from 9 on no hidden convolution fires either"
        )
    axes.set_xlim(-0.3, end)
