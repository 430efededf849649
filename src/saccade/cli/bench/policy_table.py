"""The table of policies: a section for each clip, and one for their mean."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from saccade.agreement import Spread
from saccade.cli.bench.contest import origin
from saccade.cli.bench.policy_contest import DENSE, ClipResult, Score

if TYPE_CHECKING:
    from rich.table import Table

COLUMNS = ("MACs", "ms", "x dense", "x peer", "error", "95 %", "1-10", "100+", "disagree", "held", "keyframes")


def policy_table(results: Sequence[ClipResult]) -> Table:
    """Returns the table of at least one clip's scores."""
    from rich.table import Table

    contest = results[0].contest
    height, width = contest.frame.shape[-2:]
    peers = ", ".join(dict.fromkeys(result.strongest_peer for result in results if result.strongest_peer))
    caption = (
        "error: relative L2 against the engine's dense pass of the same frame, its mean, 95th percentile, and mean "
        f"over frames 1-10 and from 100 on; disagree: {results[0].metric}; x peer: over "
        f"{peers or 'no peer'}, the strongest\n{origin(contest.environment)}"
    )
    table = Table(title=f"{contest.chosen.name}, {height}x{width}, float32", caption=caption)
    table.add_column("policy", no_wrap=True)
    for column in COLUMNS:
        table.add_column(column, no_wrap=True, justify="right")
    for result in results:
        table.add_section()
        table.add_row(f"[bold]{result.clip.rpartition('/')[2]}[/bold], {result.frames} frames")
        for score in result.scores:
            table.add_row(score.name, *_cells(result, score))
    if len(results) > 1:
        table.add_section()
        table.add_row(f"[bold]mean of {len(results)} clips[/bold]")
        for score in results[0].scores:
            table.add_row(score.name, *_mean_cells(results, score.name))
    return table


def _cells(result: ClipResult, score: Score) -> list[str]:
    if score.kind == "peer" and score.timing is None:
        return ["missing"]
    strongest = result.strongest_peer
    time = score.milliseconds
    cells = [
        _percent(score.macs_share),
        _number(time, "{:.2f}"),
        _speedup(result.score(DENSE).milliseconds, time),
        _speedup(result.score(strongest).milliseconds if strongest else None, time),
    ]
    if not score.errors:
        return cells
    error = Spread.of(score.errors)
    cells += [_number(number) for number in (error.mean, error.percentile_95, score.early_error, score.late_error)]
    if error.infinite and math.isfinite(error.mean):
        cells[-4] += f" +{error.infinite} inf"
    cells.append(_percent(Spread.of(score.disagreements).mean))
    return cells + ([str(score.held), str(score.keyframes)] if score.kind == "policy" else [])


def _mean_cells(results: Sequence[ClipResult], name: str) -> list[str]:
    """Returns the arithmetic means over the clips; speed-ups are geometric means."""
    scores = [result.score(name) for result in results]
    errors = [Spread.of(score.errors) for score in scores if score.errors]
    over_dense = [_quotient(result.score(DENSE), score) for result, score in zip(results, scores, strict=True)]
    over_peer = [
        _quotient(result.score(result.strongest_peer), score) if result.strongest_peer else None
        for result, score in zip(results, scores, strict=True)
    ]
    return [
        _percent(_mean([score.macs_share for score in scores])),
        _number(_mean([score.milliseconds for score in scores]), "{:.2f}"),
        _number(_geometric_mean(over_dense), "{:.2f}"),
        _number(_geometric_mean(over_peer), "{:.2f}"),
        _number(_mean([error.mean for error in errors])),
        _number(_mean([error.percentile_95 for error in errors])),
        _number(_mean([score.early_error for score in scores])),
        _number(_mean([score.late_error for score in scores])),
        _percent(_mean([Spread.of(score.disagreements).mean for score in scores if score.disagreements])),
    ]


def _quotient(slower: Score, quicker: Score) -> float | None:
    if slower.milliseconds is None or not quicker.milliseconds:
        return None
    return slower.milliseconds / quicker.milliseconds


def _mean(numbers: Sequence[float | None]) -> float | None:
    """Returns the mean, or None where a number is missing."""
    known = [number for number in numbers if number is not None]
    return sum(known) / len(known) if known and len(known) == len(numbers) else None


def _geometric_mean(numbers: Sequence[float | None]) -> float | None:
    mean = _mean([None if number is None else math.log(number) for number in numbers])
    return None if mean is None else math.exp(mean)


def _speedup(slower: float | None, quicker: float | None) -> str:
    return f"{slower / quicker:.2f}" if slower is not None and quicker else ""


def _number(number: float | None, form: str = "{:.4f}") -> str:
    return "" if number is None else form.format(number)


def _percent(share: float | None) -> str:
    return "" if share is None else f"{share:.1%}"
