"""Native operators on channels against their definition in torch, for every instruction set."""

from __future__ import annotations

from draws import batches, channel_counts, few, seeds, sides, threads
from hypothesis import given
from hypothesis import strategies as st
from single import check, single

from saccade.graph import ChannelGather, ChannelMaximum, Concatenate, Pad


@few
@given(batches, st.lists(st.integers(1, 30), min_size=1, max_size=4), sides, threads, seeds)
def test_concatenation_agrees_with_torch_for_any_channels(batch, channels, side, threads, seed) -> None:
    shapes = [(batch, count, side, 4) for count in channels]
    check(single(Concatenate, shapes, (batch, sum(channels), side, 4)), threads, seed)


@few
@given(st.data(), batches, channel_counts, sides, threads, seeds)
def test_channel_gather_agrees_with_torch_for_any_indices(data, batch, channels, side, threads, seed) -> None:
    if seed % 2:
        first = data.draw(st.integers(0, channels - 1))
        indices = tuple(range(first, data.draw(st.integers(first + 1, channels))))
    else:
        indices = tuple(data.draw(st.lists(st.integers(0, channels - 1), min_size=1, max_size=40)))
    graph = single(ChannelGather, [(batch, channels, side, 5)], (batch, len(indices), side, 5), indices=indices)
    check(graph, threads, seed)


@few
@given(st.lists(st.integers(-3, 4), min_size=6, max_size=6), batches, st.integers(7, 30), st.integers(7, 12), seeds)
def test_padding_agrees_with_torch_for_positive_and_negative_widths(widths, batch, channels, side, seed) -> None:
    top, left, bottom, right, before, after = widths
    output = (batch, channels + before + after, side + top + bottom, side + left + right)
    graph = single(
        Pad,
        [(batch, channels, side, side)],
        output,
        padding=(top, left, bottom, right),
        channels=(before, after),
        value=(0.0, -1.5)[seed % 2],
    )
    check(graph, 1, seed)


@few
@given(batches, channel_counts, sides, sides, threads, seeds)
def test_channel_maximum_agrees_with_torch_for_any_shape(batch, channels, height, width, threads, seed) -> None:
    shape = (batch, channels, height, width)
    check(single(ChannelMaximum, [shape], (batch, 1, height, width)), threads, seed)
