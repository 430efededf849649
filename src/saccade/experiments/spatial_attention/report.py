"""What a run found, as Markdown and as JSON."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from typing import Any

from saccade.experiments.spatial_attention import figure_6, table_1
from saccade.experiments.spatial_attention.deviations import Deviations
from saccade.experiments.spatial_attention.figure_6 import Point
from saccade.experiments.spatial_attention.high_resolution import Watched
from saccade.experiments.spatial_attention.quality import Quality
from saccade.experiments.spatial_attention.settings import Settings
from saccade.experiments.spatial_attention.table_1 import Row
from saccade.measure import Environment

NAME = "spatial-attention"
"""Of the report's files, without their endings."""


@dataclass(frozen=True)
class Findings:
    """Everything that a run found.

    Attributes:
        settings: of the run.
        source: what the digits are and how they were split.
        test_accuracy: share of the centred test digits that the network tells right.
        rows: of Table 1.
        deviations: what each deviation of the published program does.
        points: of Figure 6.
        watched: networks on the high-resolution scene.
        environment: where it ran.
        seconds: how long each stage took.
    """

    settings: Settings
    source: str
    test_accuracy: float
    rows: list[Row]
    deviations: Deviations
    points: list[Point]
    watched: list[Watched]
    environment: Environment
    seconds: dict[str, float]

    def to_dict(self) -> dict[str, Any]:
        """Returns plain values for JSON."""
        of_directions = self.deviations.directions
        return {
            "experiment": NAME,
            "settings": asdict(self.settings),
            "digits": self.source,
            "test_accuracy": self.test_accuracy,
            "table_1": [row.to_dict() for row in self.rows],
            "ratios": table_1.ratios(self.rows),
            "rules_mended": _plain(self.deviations.rules),
            "sequences_mended": _plain(self.deviations.sequences),
            "directions": {name: _plain(qualities) for name, qualities in of_directions.items()},
            "figure_6": [point.to_dict() for point in self.points],
            "high_resolution": [watched.to_dict() for watched in self.watched],
            "seconds_of_each_stage": self.seconds,
            "environment": self.environment.to_dict(),
        }

    def to_markdown(self) -> str:
        """Returns the report."""
        sections = (_head, _table_1, _holds, _deviations, _directions, _figures, _high_resolution)
        return "\n".join(line for section in sections for line in (*section(self), "")).rstrip() + "\n"


def _plain(qualities: dict[str, Quality]) -> dict[str, Any]:
    return {name: quality.to_dict() for name, quality in qualities.items()}


def _table(heads: Iterable[str], rows: Iterable[Iterable[str]]) -> Iterator[str]:
    """Yields a Markdown table: the first column to the left, the others to the right."""
    heads = list(heads)
    yield f"| {' | '.join(heads)} |"
    yield f"|---|{'---:|' * (len(heads) - 1)}"
    for row in rows:
        yield f"| {' | '.join(row)} |"


def _head(found: Findings) -> Iterator[str]:
    environment = found.environment
    yield "# Change-driven convolution (Borji 2024, arXiv 2407.01782)"
    yield ""
    stages = ", ".join(f"{name} {seconds:.0f} s" for name, seconds in found.seconds.items())
    yield f"`{environment.command}`: {sum(found.seconds.values()) / 60:.1f} minutes ({stages})."
    yield (
        f"{environment.machine}, {environment.cores} cores, {environment.operating_system}; "
        f"{', '.join(f'{name} {version}' for name, version in environment.versions.items())}; {environment.date}."
    )
    yield ""
    epochs = found.settings.training.epochs
    yield (
        f"Digits: {found.source}. Training: {epochs} epoch{'s' if epochs > 1 else ''} of Adam; "
        f"{found.test_accuracy:.2%} of the centred test digits are told right."
    )


def _table_1(found: Findings) -> Iterator[str]:
    settings = found.settings
    yield "## Table 1"
    yield ""
    yield (
        f"{settings.timed_draws} draws of {settings.digits} digits x {settings.frames} frames, threshold "
        f"{settings.threshold:g}, {settings.norm.upper()} norm. Seconds are for 110 frames: the median over the draws "
        f"and, in brackets, the least and the most; {settings.threads} thread{'s' if settings.threads > 1 else ''} for "
        "every contender, alternating, digits loaded beforehand. CNN1 and the engine run warm, "
        f"{table_1.QUICK_PASSES} times a draw. The paper's seconds are from eight cores at 3.1 GHz."
    )
    yield ""
    heads = ("experiment", "contender", "accuracy %", "paper", "seconds", "paper", "work", "same digit as CNN1",
             "largest difference from CNN1")  # fmt: skip
    yield from _table(heads, map(_row, found.rows))


def _row(row: Row) -> list[str]:
    quality = row.quality
    spread = f" ({_figures_of(min(row.seconds))} to {_figures_of(max(row.seconds))})" if len(row.seconds) > 1 else ""
    return [
        row.experiment,
        row.contender,
        _accuracy(quality),
        f"{row.paper[0]:.2f}" if row.paper else "",
        _figures_of(row.median) + spread,
        f"{row.paper[1]:g}" if row.paper else "",
        f"{quality.work:.1%}",
        f"{quality.agreeing} of {quality.frames}",
        f"{quality.largest_difference:.1e}",
    ]


def _holds(found: Findings) -> Iterator[str]:
    yield "## What holds"
    yield ""
    heads = ("experiment", "CNN3 published / CNN2, time", "paper", "CNN3 corrected / CNN2, time", "CNN1 / engine, time")
    paper = {"I": f"{213.2 / 2174.75:.3f}", "II as published": f"{370.5 / 1664.5:.3f}"}
    yield from _table(
        heads,
        (
            [
                experiment,
                f"{of['cnn3_as_published_over_cnn2']:.3f}",
                paper.get(experiment, ""),
                f"{of['cnn3_corrected_over_cnn2']:.3f}",
                f"{of['cnn1_over_engine']:.1f}",
            ]
            for experiment, of in table_1.ratios(found.rows).items()
        ),
    )
    yield ""
    worst = {row.contender: 0.0 for row in found.rows}
    for row in found.rows:
        worst[row.contender] = max(worst[row.contender], row.quality.largest_difference)
    yield (
        f"On every frame of every experiment CNN2 differs from CNN1 by at most {worst[table_1.CNN2]:.1e}, CNN3 "
        f"corrected at tau 0 by {worst[table_1.AT_ZERO]:.1e}, the engine by {worst[table_1.ENGINE]:.1e}."
    )
    dead = {
        len(point.quality.told)
        for point in found.points
        if point.rule == "published" and point.threshold >= figure_6.POOLINGS_DEAD
    }
    if dead:
        yield (
            "With the published rule and a threshold of 4 or more, "
            + ("the same digit is told for every frame of every draw." if dead == {1} else "the predictions differ.")
        )


def _deviations(found: Findings) -> Iterator[str]:
    yield "## What each deviation does"
    yield ""
    yield (
        f"CNN3 on the published sequence of experiment II, one row of the table of deviations mended at a time; "
        f"{found.settings.draws} draws of {found.settings.digits} digits, threshold {found.settings.threshold:g}."
    )
    yield ""
    yield from _table(
        ("rule", "accuracy %", "same digit as CNN1", "largest difference from CNN1", "work"),
        (
            [
                name,
                _accuracy(quality),
                f"{quality.agreeing / quality.frames:.1%}",
                f"{quality.largest_difference:.1e}",
                f"{quality.work:.1%}",
            ]
            for name, quality in found.deviations.rules.items()
        ),
    )
    yield ""
    yield "What the sequence alone does to CNN1, which computes everything anew:"
    yield ""
    yield from _table(
        ("sequence", "accuracy %", *(f"frame {step}" for step in range(found.settings.frames))),
        (
            [
                name,
                _accuracy(quality),
                *(f"{100 * share:.0f}" for share in quality.accuracies_along(found.settings.frames)),
            ]
            for name, quality in found.deviations.sequences.items()
        ),
    )


def _directions(found: Findings) -> Iterator[str]:
    yield "## All directions"
    yield ""
    yield f"The corrected sequence, {found.settings.shift} pixel a frame; largest difference from CNN1 in brackets."
    yield ""
    names = ("engine", "CNN3 corrected, tau 0")
    yield from _table(
        ("direction", "CNN1, accuracy %", *(f"{name}, work" for name in names)),
        (
            [
                direction,
                _accuracy(qualities["CNN1"]),
                *(f"{qualities[name].work:.1%} ({qualities[name].largest_difference:.1e})" for name in names),
            ]
            for direction, qualities in found.deviations.directions.items()
        ),
    )


def _figures(found: Findings) -> Iterator[str]:
    for number, text in (
        (4, "the sequences"),
        (5, "change maps of every layer"),
        (6, "accuracy and time against the threshold; grey: artefact of the published rule"),
    ):
        yield f"![Figure {number}: {text}](figure-{number}.png)"
        yield ""


def _high_resolution(found: Findings) -> Iterator[str]:
    height, width = found.settings.scene
    yield "## Beyond the paper: a digit on a still of high resolution"
    yield ""
    yield (
        f"{height} x {width}, {found.settings.scene_frames - 1} frames behind the first. Work is the share of "
        "multiply-adds, bytes the least that has to be moved (every place read once, weights once); both beside their "
        "dense value. Milliseconds a frame."
    )
    yield ""
    heads = ("network", "CNN1", "engine, first frame", "engine", "times faster", "work", "of GMACs", "bytes", "of MB",
             "relative difference", "CNN2", "CNN3 corrected")  # fmt: skip
    yield from _table(heads, map(_watched, found.watched))
    yield ""
    yield "![The scene, and where the digit moved](high-resolution.png)"


def _watched(watched: Watched) -> list[str]:
    slow = (watched.cnn2_milliseconds, watched.cnn3_milliseconds)
    return [
        watched.network,
        f"{watched.cnn1_milliseconds:.0f}, {watched.memory_format}",
        f"{watched.first_milliseconds:.0f}",
        f"{watched.engine_milliseconds:.1f}",
        f"{watched.speed_up:.1f}",
        f"{watched.work:.2%}",
        f"{watched.macs_dense / 1e9:.1f}",
        f"{watched.bytes_share:.1%}",
        f"{watched.bytes_dense / 1e6:.0f}",
        f"{watched.largest_difference:.1e}",
        *(f"{milliseconds:,.0f}" if milliseconds is not None else "" for milliseconds in slow),
    ]


def _accuracy(quality: Quality) -> str:
    return f"{100 * quality.accuracy:.2f} ± {100 * quality.spread:.1f}"


def _figures_of(seconds: float) -> str:
    """Returns a number with three significant figures, without an exponent."""
    return f"{seconds:.4f}" if seconds < 0.1 else f"{seconds:.3g}"
