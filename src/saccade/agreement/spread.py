"""Many numbers in a few: their mean, their 95th percentile, the largest, and how many are infinite."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Spread:
    """How numbers of 0 or more are spread.

    An infinite number, such as the error of an output whose reference is all zeros, would hide all others. So it is
    counted, and the rest is said of the finite ones; infinity where there are infinite ones only.

    Attributes:
        mean: arithmetic mean of the finite numbers.
        percentile_95: the smallest of them that is no less than 95 % of them (nearest rank).
        largest: the largest of them.
        infinite: how many were infinite.
    """

    mean: float
    percentile_95: float
    largest: float
    infinite: int = 0

    @classmethod
    def of(cls, numbers: Iterable[float]) -> Spread:
        """Returns the spread of the numbers, which may be infinite; zeros where there are none."""
        given = sorted(numbers)
        ordered = [number for number in given if math.isfinite(number)]
        infinite = len(given) - len(ordered)
        if not ordered:
            nothing = math.inf if infinite else 0.0
            return cls(nothing, nothing, nothing, infinite)
        rank = math.ceil(0.95 * len(ordered))
        return cls(sum(ordered) / len(ordered), ordered[rank - 1], ordered[-1], infinite)

    def __str__(self) -> str:
        counted = f", and {self.infinite} infinite" if self.infinite else ""
        if self.infinite and not math.isfinite(self.mean):
            return f"infinite in all {self.infinite}"
        return f"mean {self.mean:.3g}, 95th percentile {self.percentile_95:.3g}, largest {self.largest:.3g}{counted}"


def json_fields(pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    """Returns a dictionary that JSON can hold: None in the place of a number that is not finite.

    Args:
        pairs: of names and values, as ``dataclasses.asdict`` hands them to its ``dict_factory``.
    """
    return {name: None if isinstance(value, float) and not math.isfinite(value) else value for name, value in pairs}
