"""Convolutions with a max pooling behind them against their definition in torch, for every instruction set."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from draws import batches, channel_counts, few, seeds, threads, weights, window_before, windows
from grown_chain import Chain
from hypothesis import given
from hypothesis import strategies as st
from single import check_joined, frames_of

from saccade.graph import Convolution, Graph, MaxPool
from saccade.plan import chains
from saccade.runtime import Program


@pytest.fixture(autouse=True, scope="module")
def convolutions_of_any_size_are_not_kept() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(chains, "LEAST_POOLED_ELEMENTS", 0)
        yield


def pooled(batch: int, inputs: int, channels: int, first: dict, window: dict, function: str | None, seed: int) -> Graph:
    """Returns a convolution by ``first`` and a max pooling by ``window``."""
    chain = Chain(batch, inputs, *first["size"])
    fields = {"stride": first["stride"], "padding": first["padding"], "dilation": first["dilation"]}
    weight, bias = weights(seed, channels, inputs, *first["kernel"]), weights(seed + 1, channels, 1).flatten()
    chain.add(Convolution, (batch, channels, *window["size"]), weight=weight, bias=bias, **fields)
    chain.activate(function)
    fields = {name: window[name] for name in ("kernel", "stride", "padding", "dilation")}
    chain.add(MaxPool, (batch, channels, *window["output"]), **fields)
    return chain.graph()


@few
@given(
    st.tuples(st.integers(1, 5), st.integers(1, 3), st.integers(1, 2)),
    windows(),
    batches,
    st.integers(1, 3),
    channel_counts,
    st.sampled_from(["relu", "tanh", None]),
    threads,
    seeds,
)
def test_any_convolution_and_pooling_agree_with_torch(
    shape, window, batch, inputs, channels, function, threads, seed
) -> None:
    first = window_before(window["size"], *shape, padding=seed % shape[0])
    check_joined(pooled(batch, inputs, channels, first, window, function, seed), threads, seed)


FIRST = {"kernel": (3, 3), "stride": (2, 2), "dilation": (1, 1), "padding": (1,) * 4}
WINDOW = {"kernel": (3, 3), "stride": (2, 2), "dilation": (1, 1), "padding": (1,) * 4}


@pytest.mark.parametrize("threads", [1, 2])
def test_a_map_of_several_strips_agrees_with_torch(threads) -> None:
    window = WINDOW | {"size": (22, 300), "output": (11, 150)}
    check_joined(pooled(2, 3, 48, FIRST | {"size": (44, 600)}, window, None, 0), threads, 0)


def test_multiply_adds_count_the_places_of_the_windows_around_a_change() -> None:
    window = WINDOW | {"size": (12, 12), "output": (6, 6)}
    graph = pooled(1, 3, 8, FIRST | {"size": (24, 24)}, window, None, 0)
    session = Program(graph, threads=1).session()
    (frame,) = frames_of(graph, 0)
    session(frame)
    dense = session.report().macs_done
    assert dense == session.macs_dense == 12 * 12 * 8 * 27
    frame = frame.clone()
    frame[0, :, 8, 8] += 1  # seen by one place of the convolution, (4, 4), which the window of place (2, 2) reads
    session(frame)
    assert session.report().macs_done - dense == 9 * 8 * 27
