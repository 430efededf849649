"""A contender's processor time, which other programs disturb less than wall-clock time."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import Generic, TypeVar

Input = TypeVar("Input")


class Stopwatch(Generic[Input]):
    """Does a contender's work and writes down the processor time of each round, of all threads together.

    Args:
        work: called with the round's input.
    """

    def __init__(self, work: Callable[[Input], object]) -> None:
        self.work = work
        self.seconds: list[float] = []

    def __call__(self, given: Input) -> object:
        """Does the work once."""
        start = time.process_time()
        result = self.work(given)
        self.seconds.append(time.process_time() - start)
        return result

    def median(self, warm_up: int) -> float:
        """Returns the median in seconds without the first rounds, as many as ``warm_up``."""
        return statistics.median(self.seconds[warm_up:])
