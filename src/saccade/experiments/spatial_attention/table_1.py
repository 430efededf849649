"""Table 1: accuracy and run time of CNN1, CNN2, CNN3 and the engine, experiments I and II.

Paper: 11 digits x 10 frames; accuracy in percent and seconds for 110 frames on an 8-core Xeon at 3.1 GHz.
Cost: about 3 minutes for five draws on one core; most of it is CNN2.
Expected: CNN2 and CNN3 at a threshold of 0 within 1e-5 of CNN1; CNN3 / CNN2 about .1 and .22 in time; the engine 12
and 4 times faster than CNN1.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import nn

from saccade.experiments.spatial_attention.contenders import ChangeDriven, Contender, Dense, Engine
from saccade.experiments.spatial_attention.digits import Digits
from saccade.experiments.spatial_attention.quality import Quality
from saccade.experiments.spatial_attention.settings import Settings, Shown
from saccade.measure import Timing, alternate

CNN1, CNN1_LAST, CNN2 = "CNN1, NCHW", "CNN1, channels_last", "CNN2"
PUBLISHED, CORRECTED, AT_ZERO, ENGINE = "CNN3 as published", "CNN3 corrected", "CNN3 corrected, tau 0", "engine, exact"
QUICK_PASSES = 5
"""How often the contenders of milliseconds see the same draws, for steadier medians."""

PAPER = {
    ("I", CNN1): (90.91, 0.212),
    ("I", CNN2): (90.91, 2174.75),
    ("I", PUBLISHED): (90.91, 213.2),
    ("II as published", CNN1): (43.63, 0.172),
    ("II as published", CNN2): (43.63, 1664.5),
    ("II as published", PUBLISHED): (44.5, 370.5),
}
"""Accuracy in percent and seconds for 110 frames, by experiment and contender; CNN1 in torch's own memory format."""
PAPER_FRAMES = 110


@dataclass(frozen=True)
class Row:
    """One contender in one experiment.

    Attributes:
        experiment, contender: names.
        quality: over the timed draws.
        timing: seconds of each sequence.
        seconds: for 110 frames, one for each draw.
        paper: the paper's accuracy in percent and seconds, where it has them.
    """

    experiment: str
    contender: str
    quality: Quality
    timing: Timing
    seconds: tuple[float, ...]
    paper: tuple[float, float] | None

    @property
    def median(self) -> float:
        """Seconds for 110 frames: the median over the draws."""
        return statistics.median(self.seconds)

    def to_dict(self) -> dict[str, Any]:
        """Returns plain values."""
        return {
            "experiment": self.experiment,
            "contender": self.contender,
            **self.quality.to_dict(),
            "seconds_for_110_frames": self.median,
            "seconds_for_110_frames_of_each_draw": list(self.seconds),
            "sequence": self.timing.to_dict(),
            "paper_accuracy_percent": self.paper[0] if self.paper else None,
            "paper_seconds_for_110_frames": self.paper[1] if self.paper else None,
        }


def table_1(
    model: nn.Sequential, digits: Digits, settings: Settings, advance: Callable[[str], None] = lambda line: None
) -> list[Row]:
    """Returns the rows of every experiment; contenders alternate, digits are loaded beforehand.

    Args:
        model: the trained network.
        digits: whose test digits are drawn.
        settings: of the run.
        advance: called after every sequence with what was done.
    """
    quick: dict[str, Contender] = {
        CNN1: Dense(model),
        CNN1_LAST: Dense(model, torch.channels_last),
        ENGINE: Engine(model, settings.threads),
    }
    slow: dict[str, Contender] = {
        CNN2: ChangeDriven(model, None),
        PUBLISHED: settings.cnn3(model, settings.published()),
        CORRECTED: settings.cnn3(model, settings.corrected()),
        AT_ZERO: settings.cnn3(model, settings.corrected(0.0)),
    }
    rows = []
    for experiment, motion in settings.motions.items():
        sequences = list(settings.shown(digits, motion, settings.timed_draws))
        title = f"Table 1, experiment {experiment}"
        measured = _measure(quick, sequences, quick[CNN1], lambda: None, passes=QUICK_PASSES)
        measured |= _measure(slow, sequences, quick[CNN1], partial(advance, title))
        for contender in (CNN1, CNN1_LAST, CNN2, PUBLISHED, CORRECTED, AT_ZERO, ENGINE):
            quality, timing, seconds = measured[contender]
            paper = PAPER.get((experiment, contender))
            rows.append(Row(experiment, contender, quality, timing, seconds, paper))
    return rows


def sequences_in(settings: Settings) -> int:
    """Returns how many sequences ``table_1`` announces."""
    return len(settings.motions) * settings.timed_draws * settings.digits


def best_cnn1(rows: Iterable[Row], experiment: str) -> Row:
    """Returns CNN1 in the memory format that was faster."""
    candidates = [row for row in rows if row.experiment == experiment and row.contender in (CNN1, CNN1_LAST)]
    return min(candidates, key=lambda row: row.median)


def ratios(rows: list[Row]) -> dict[str, dict[str, float]]:
    """Returns for every experiment CNN3's share of CNN2's time, and how many times faster than CNN1 the engine is."""
    found = {}
    for experiment in dict.fromkeys(row.experiment for row in rows):
        of = {row.contender: row for row in rows if row.experiment == experiment}
        found[experiment] = {
            "cnn3_as_published_over_cnn2": of[PUBLISHED].median / of[CNN2].median,
            "cnn3_corrected_over_cnn2": of[CORRECTED].median / of[CNN2].median,
            "cnn1_over_engine": best_cnn1(rows, experiment).median / of[ENGINE].median,
        }
    return found


def _measure(
    contenders: dict[str, Contender],
    sequences: list[Shown],
    expected: Contender,
    advance: Callable[[], None],
    passes: int = 1,
) -> dict[str, tuple[Quality, Timing, tuple[float, ...]]]:
    """Returns quality, timing and the seconds of each draw, scaled to 110 frames, by contender.

    Args:
        contenders: by name.
        sequences: what to show, in this order.
        expected: CNN1.
        advance: called after every sequence.
        passes: how often to show them all; where it is more than once, each contender runs once untimed before every
            timed run, and one sequence is shown beforehand.
    """
    qualities = {name: Quality() for name in contenders}
    warm_up = int(passes > 1)

    def count(number: int, shown: Shown, results: Any) -> None:
        if warm_up <= number < warm_up + len(sequences):
            right = expected.watch(shown.frames)
            for name, contender in contenders.items():
                qualities[name].add(shown, results[name], right, contender.macs())
        advance()

    watch = {name: partial(_watch, contender) for name, contender in contenders.items()}
    shown = [*sequences[:warm_up], *sequences * passes]
    timings = alternate(watch, shown, warm_up=warm_up, settle=bool(warm_up), after_round=count)
    return {name: (qualities[name], timing, _seconds(timing, shown[warm_up:])) for name, timing in timings.items()}


def _watch(contender: Contender, shown: Shown) -> list[torch.Tensor]:
    return contender.watch(shown.frames)


def _seconds(timing: Timing, sequences: list[Shown]) -> tuple[float, ...]:
    """Returns each draw's seconds for 110 frames: the mean over its sequences of the median over their repetitions."""
    of_sequence: dict[tuple[int, int], list[float]] = {}
    for seconds, shown in zip(timing.seconds, sequences, strict=True):
        of_sequence.setdefault((shown.draw, id(shown)), []).append(seconds / len(shown.frames))
    of_draw: dict[int, list[float]] = {}
    for (draw, _), times in of_sequence.items():
        of_draw.setdefault(draw, []).append(statistics.median(times))
    return tuple(PAPER_FRAMES * statistics.fmean(times) for times in of_draw.values())
