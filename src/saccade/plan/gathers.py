"""Choices of channels that a pointwise convolution reads from where they lie."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

MOST_RUNS = 4
FEWEST_CHANNELS = 8
"""Of a run: the kernel begins anew with each."""


@dataclass(frozen=True)
class Runs:
    """Chosen channels in ascending order, as runs of equal length and step.

    Attributes:
        order: for each channel in ascending order, its place in the choice.
        firsts: each run's first channel.
        length: channels of a run.
        step: from channel to channel.
    """

    order: tuple[int, ...]
    firsts: tuple[int, ...]
    length: int
    step: int


def runs_of(indices: Sequence[int]) -> Runs | None:
    """Returns the chosen channels as few long runs, or None where they are none.

    Args:
        indices: the channels, in the order in which they were chosen.
    """
    order = tuple(sorted(range(len(indices)), key=indices.__getitem__))
    ascending = [indices[place] for place in order]
    if len(ascending) < FEWEST_CHANNELS or len(set(ascending)) != len(ascending):
        return None
    step = ascending[1] - ascending[0]
    firsts = (ascending[0], *(after for before, after in pairwise(ascending) if after - before != step))
    length, left_over = divmod(len(ascending), len(firsts))
    if left_over or len(firsts) > MOST_RUNS or length < FEWEST_CHANNELS:
        return None
    if [channel for first in firsts for channel in range(first, first + length * step, step)] != ascending:
        return None
    return Runs(order, firsts, length, step)
