"""Pointwise convolutions of chosen channels against their definition in torch, for every instruction set."""

from __future__ import annotations

import pytest
import torch
from draws import batches, few, seeds, sides, threads, weights
from grown_chain import Chain
from hypothesis import given
from hypothesis import strategies as st
from single import check

from saccade.graph import Binary, ChannelGather, Convolution, Graph
from saccade.plan.gathers import runs_of
from saccade.runtime import Program


def gathered(shape: tuple[int, ...], indices: list[int], outputs: int, function: str | None, seed: int) -> Graph:
    """Returns a choice of channels, a pointwise convolution, and a sum with the input where that fits."""
    batch, _, height, width = shape
    chain = Chain(*shape)
    chain.add(ChannelGather, (batch, len(indices), height, width), indices=tuple(indices))
    weight, bias = weights(seed, outputs, len(indices), 1, 1), weights(seed + 1, outputs, 1).flatten()
    chain.add(Convolution, (batch, outputs, height, width), weight=weight, bias=bias)
    if outputs == shape[1]:
        chain.add(Binary, shape, "input", function="add")
    chain.activate(function)
    return chain.graph()


@few
@given(
    batches,
    sides,
    sides,
    st.integers(8, 30),
    st.integers(1, 3),
    st.integers(1, 4),
    st.integers(1, 70),
    st.sampled_from(["relu", "silu", None]),
    threads,
    seeds,
)
def test_runs_of_channels_in_any_order_agree_with_torch(
    batch, height, width, length, step, runs, outputs, function, threads, seed
) -> None:
    apart = (length - 1) * step + 2 + step
    indices = [seed % 3 + run * apart + channel * step for run in range(runs) for channel in range(length)]
    shuffled = torch.randperm(len(indices), generator=torch.Generator().manual_seed(seed)).tolist()
    channels = max(indices) + 1 + seed % 2
    indices = [indices[place] for place in shuffled]
    graph = gathered((batch, channels, height, width), indices, outputs if seed % 4 else channels, function, seed)
    joined = len(Program(graph, threads=1).plan.steps) == 1
    assert joined == (step > 1 or runs > 1)
    check(graph, threads, seed)


@pytest.mark.parametrize(
    ("indices", "expected"),
    [
        (range(0, 32, 2), ((0,), 16, 2)),
        ([*range(8), *range(16, 24)], ((0, 16), 8, 1)),
        ([index // 2 + 16 * (index % 2) for index in range(16)], ((0, 16), 8, 1)),  # the half of a shuffle
        (range(40, 8, -4), ((12,), 8, 4)),
        (range(6), None),
        ([*range(8), *range(10, 19)], None),
        ([*range(8), *range(16, 32, 2)], None),
        ([0, 0, *range(1, 15)], None),
        ([channel * channel for channel in range(16)], None),
    ],
)
def test_a_choice_is_few_long_runs_or_none(indices, expected) -> None:
    runs = runs_of(list(indices))
    assert (None if runs is None else (runs.firsts, runs.length, runs.step)) == expected
    if runs is not None:
        ascending = [first + step * runs.step for first in runs.firsts for step in range(runs.length)]
        assert [list(indices)[place] for place in runs.order] == ascending


def test_slices_and_scattered_choices_are_no_part_of_the_convolution() -> None:
    for indices in (list(range(3, 19)), [(7 * channel) % 40 for channel in range(16)]):
        graph = gathered((1, 40, 5, 5), indices, 6, None, 0)
        assert len(Program(graph, threads=1).plan.steps) == 2
        check(graph, 1, 0)
