"""What a comparison found, a row a contender."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from saccade.experiments.gate_comparison.job import Finished
from saccade.experiments.gate_comparison.statistics import Interval, holm, paired_difference, summarise
from saccade.training.report import machine_of, measure_of

REFERENCE = "none"


@dataclass(frozen=True)
class Row:
    """One contender.

    Attributes:
        label: of the contender.
        accuracy: on the test images after the last step, 0..1, over the seeds.
        difference: to the network without a gate, paired by seed; None for itself and where that is not there.
        parameters: with gates.
        macs: true multiply-accumulates of one image.
        training_seconds: a run, median over the seeds.
        images_per_second: in training, median over the seeds.
        inference_ms: of one image in a batch, or None where it was not timed.
        corrected_p: of the difference, by Holm's method over all that are in the table; None without one.
    """

    label: str
    accuracy: Interval
    difference: Interval | None
    parameters: int
    macs: int
    training_seconds: float
    images_per_second: float
    inference_ms: float | None
    corrected_p: float | None = None

    def to_dict(self) -> dict[str, Any]:
        """Returns the fields as plain values for JSON."""
        return asdict(self)


def rows(runs: Sequence[Finished], inference: Mapping[str, float] | None = None) -> list[Row]:
    """Returns a row for each contender that has a finished run, in the order of their first runs.

    Args:
        runs: finished ones.
        inference: milliseconds an image by label.
    """
    by_label: dict[str, list[Finished]] = {}
    for run in runs:
        by_label.setdefault(run.label, []).append(run)
    accuracies = {label: {run.seed: run.report.accuracy for run in own} for label, own in by_label.items()}
    reference = accuracies.get(REFERENCE, {})
    differences = {
        label: None if label == REFERENCE else paired_difference(own, reference) for label, own in accuracies.items()
    }
    tested = {label: found.p for label, found in differences.items() if found is not None and found.p is not None}
    corrected = dict(zip(tested, holm(list(tested.values())), strict=True))
    return [
        Row(
            label,
            summarise(list(accuracies[label].values())),
            differences[label],
            own[0].report.parameters,
            own[0].report.macs,
            statistics.median(run.report.seconds for run in own),
            statistics.median(run.report.images_per_second for run in own),
            (inference or {}).get(label),
            corrected.get(label),
        )
        for label, own in by_label.items()
    ]


def to_markdown(
    found: Sequence[Row], runs: Sequence[Finished], expected: int, timed_in: Mapping[str, Any] | None = None
) -> str:
    """Returns the table and what it stands on, as Markdown.

    Args:
        found: its rows.
        runs: that they stand on, at least one.
        expected: runs of the whole comparison.
        timed_in: the environment in which inference was timed; None where it was not.
    """
    recipe = runs[0].report.recipe
    measure = measure_of(recipe)
    lines = [
        f"# Gates compared: {recipe['name']}",
        "",
        f"{_network(recipe)}, {recipe['epochs']:g} epochs of "
        f"{runs[0].report.training_images:,} images ({runs[0].report.steps:,} steps of {recipe['batch']}), the same "
        f"for all; {measure} on {runs[0].report.test_images:,} test images after the last step. "
        f"{len(runs)} of {expected} runs are finished.",
        "",
        f"| gate | runs | {measure} % | minus none, paired | p | p, Holm | parameters | MACs M | training s | images/s "
        "| inference ms |",
        "|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for row in found:
        p = "" if row.difference is None or row.difference.p is None else f"{row.difference.p:.3f}"
        corrected = "" if row.corrected_p is None else f"{row.corrected_p:.3f}"
        inference = "" if row.inference_ms is None else f"{row.inference_ms:.3f}"
        lines.append(
            f"| {row.label} | {row.accuracy.count} | {_percent(row.accuracy)} | {_percent(row.difference, '+')} | {p} "
            f"| {corrected} | {row.parameters:,} | {row.macs / 1e6:.3f} | {row.training_seconds:.0f} "
            f"| {row.images_per_second:.0f} | {inference} |"
        )
    environment = runs[0].report.environment
    together = max(run.at_a_time or 1 for run in runs)
    beside = (
        f" Up to {together} runs went on at a time; training times are of runs beside others." if together > 1 else ""
    )
    lines += [
        "",
        "± is the half width of the 95 % interval by Student's t over the seeds; p is of the paired t test against "
        "none, two-sided, beside it corrected for the number of gates by Holm's method. MACs are counted in truth, "
        f"deformable kernels included{'; those of backbone and pyramid alone' if measure == 'AP' else ''}.{beside}",
    ]
    budget = runs[0].report.budget
    if budget is not None:
        paces = ", ".join(f"{label} {seconds * 1e3:.0f}" for label, seconds in budget["step_seconds"].items())
        lines += ["", f"The number of steps was made from a budget of {budget['minutes']:g} minutes for a run of the "
                  f"slowest, by milliseconds a step measured before training: {paces}."]  # fmt: skip
    if environment:
        place, date = machine_of(environment), environment.get("date")
        lines += ["", f"{place}, {date}: `{environment.get('command')}`"]
    if timed_in:
        lines += ["", f"Inference was timed on the CPU, in batches: {machine_of(timed_in)}, {timed_in.get('date')}."]
    return "\n".join(lines) + "\n"


def _network(recipe: Mapping[str, Any]) -> str:
    by_width = str(recipe["network"]).startswith("cifar-")
    return f"{recipe['network']}, width {recipe['width']}" if by_width else str(recipe["network"])


def _percent(interval: Interval | None, sign: str = "") -> str:
    if interval is None:
        return ""
    mean = f"{100 * interval.mean:{sign}.2f}"
    return mean if interval.half_width is None else f"{mean} ± {100 * interval.half_width:.2f}"
