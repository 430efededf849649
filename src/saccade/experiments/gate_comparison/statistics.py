"""Means with their intervals, of runs that differ in the seed alone."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

LEVEL = 0.95


@dataclass(frozen=True)
class Interval:
    """A mean and how far off it may be.

    Attributes:
        count: of values.
        mean: of them.
        deviation: sample standard deviation; None for one value.
        half_width: of the 95 % interval by Student's t, which takes the values as normally distributed; None for one.
        p: two-sided, of the mean being 0 in truth, uncorrected; None for one value.
    """

    count: int
    mean: float
    deviation: float | None
    half_width: float | None
    p: float | None


def summarise(values: Sequence[float]) -> Interval:
    """Returns the mean of values, at least one, and its interval."""
    from scipy.stats import t

    count, mean = len(values), statistics.fmean(values)
    if count < 2:
        return Interval(count, mean, None, None, None)
    deviation = statistics.stdev(values)
    error = deviation / math.sqrt(count)
    half = float(t.ppf(0.5 + LEVEL / 2, count - 1)) * error
    p = 2 * float(t.sf(abs(mean) / error, count - 1)) if error else float(mean == 0)
    return Interval(count, mean, deviation, half, p)


def paired_difference(values: Mapping[int, float], reference: Mapping[int, float]) -> Interval | None:
    """Returns by how much values exceed a reference of the same seed; None where no seed is in both.

    Args:
        values: by seed.
        reference: by seed.
    """
    differences = [value - reference[seed] for seed, value in values.items() if seed in reference]
    return summarise(differences) if differences else None


def holm(values: Sequence[float]) -> list[float]:
    """Returns p values corrected for their number by Holm's method, in the same order, each at most 1.

    The smallest is multiplied by their number, the next by one less, and so on, and none becomes smaller than one
    before it. It holds whatever the tests have to do with one another.

    Source: Holm 1979, A Simple Sequentially Rejective Multiple Test Procedure.
    """
    corrected = [0.0] * len(values)
    highest = 0.0
    for rank, index in enumerate(sorted(range(len(values)), key=lambda place: values[place])):
        highest = max(highest, min(1.0, (len(values) - rank) * values[index]))
        corrected[index] = highest
    return corrected
