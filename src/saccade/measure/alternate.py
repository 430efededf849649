"""Contenders timed alternately within one run, so that what disturbs the machine disturbs them all."""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterator

Input = TypeVar("Input")


@dataclass(frozen=True)
class Timing:
    """The times of one contender.

    Args:
        seconds: one wall-clock time per counted round, in the order measured; at least one.
    """

    seconds: tuple[float, ...]

    @property
    def median(self) -> float:
        """The median in seconds."""
        return statistics.median(self.seconds)

    @property
    def quartiles(self) -> tuple[float, float]:
        """The lower and the upper quartile in seconds; both the one time where there is only one."""
        if len(self.seconds) == 1:
            return self.seconds[0], self.seconds[0]
        lower, _, upper = statistics.quantiles(self.seconds, n=4, method="inclusive")
        return lower, upper

    @property
    def minimum(self) -> float:
        """The least time in seconds."""
        return min(self.seconds)

    @property
    def mean(self) -> float:
        """The arithmetic mean in seconds."""
        return statistics.fmean(self.seconds)

    def to_dict(self) -> dict[str, float | int]:
        """Returns the summary in milliseconds."""
        lower, upper = self.quartiles
        return {
            "rounds": len(self.seconds),
            "median_ms": self.median * 1e3,
            "lower_quartile_ms": lower * 1e3,
            "upper_quartile_ms": upper * 1e3,
            "minimum_ms": self.minimum * 1e3,
            "mean_ms": self.mean * 1e3,
        }


def alternate(
    contenders: Mapping[str, Callable[[Input], object]],
    inputs: Iterable[Input],
    *,
    warm_up: int = 1,
    settle: bool = False,
    seconds: float | None = None,
    after_round: Callable[[int, Input, Mapping[str, object]], None] | None = None,
) -> dict[str, Timing]:
    """Times every contender once per input, in an order that moves on by one each round.

    Args:
        contenders: what to time, by name; each takes one input.
        inputs: one per round; the first ``warm_up`` of them are run but not counted.
        warm_up: rounds before the counting starts.
        settle: call each contender once untimed right before its timed call, so that it finds its own data in the
            processor's caches and not its neighbour's; for contenders that may see an input twice.
        seconds: stop after the first counted round that ends this long after the start; None for no limit.
        after_round: called between rounds, untimed, with the round's number (warm-up included, from 0), its input
            and what each contender returned.

    Returns:
        A Timing by name.

    Raises:
        ValueError: there were no more inputs than warm-up rounds, so that nothing was counted.
    """
    names = list(contenders)
    times: dict[str, list[float]] = {name: [] for name in names}
    start = time.perf_counter()
    with _without_garbage_collection():
        for number, item in enumerate(inputs):
            first = number % len(names) if names else 0
            results: dict[str, object] = {}
            for name in names[first:] + names[:first]:
                elapsed, results[name] = _timed(contenders[name], item, settle)
                if number >= warm_up:
                    times[name].append(elapsed)
            if after_round is not None:
                after_round(number, item, results)
            if seconds is not None and number >= warm_up and time.perf_counter() - start > seconds:
                break
    if not all(times.values()):
        raise ValueError(f"nothing was timed: the inputs ended within the {warm_up} warm-up rounds")
    return {name: Timing(tuple(record)) for name, record in times.items()}


def _timed(contender: Callable[[Input], object], item: Input, settle: bool) -> tuple[float, object]:
    if settle:
        contender(item)
    start = time.perf_counter()
    result = contender(item)
    return time.perf_counter() - start, result


@contextmanager
def _without_garbage_collection() -> Iterator[None]:
    enabled = gc.isenabled()
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()
