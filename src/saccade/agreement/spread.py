"""Many numbers in three: their mean, their 95th percentile and the largest."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Spread:
    """How numbers of 0 or more are spread.

    Attributes:
        mean: arithmetic mean.
        percentile_95: the smallest of them that is no less than 95 % of them (nearest rank).
        largest: the largest.
    """

    mean: float
    percentile_95: float
    largest: float

    @classmethod
    def of(cls, numbers: Iterable[float]) -> Spread:
        """Returns the spread of the numbers, which may be infinite; zeros where there are none."""
        ordered = sorted(numbers)
        if not ordered:
            return cls(0.0, 0.0, 0.0)
        rank = math.ceil(0.95 * len(ordered))
        return cls(sum(ordered) / len(ordered), ordered[rank - 1], ordered[-1])
