"""Depthwise convolutions with the layers around them against their definition in torch, for every instruction set."""

from __future__ import annotations

import copy
from collections.abc import Iterator

import pytest
from draws import batches, few, seeds, threads, weights, window_before, windows
from grown_chain import Chain
from hypothesis import given
from hypothesis import strategies as st
from single import check_joined, frames_of

from saccade.graph import Binary, Convolution, Graph
from saccade.plan import chains
from saccade.runtime import Program

FUNCTIONS = st.sampled_from(["relu", "silu", "hardswish", None])


@pytest.fixture(autouse=True, scope="module")
def expansions_of_any_size_are_not_kept() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(chains, "LEAST_ELEMENTS", 0)
        yield


def block_of(
    batch: int, inputs: int, channels: int, outputs: int, first: dict, window: dict, functions: tuple, seed: int
) -> Graph:
    """Returns an expansion by ``first`` (none where empty), a depthwise layer and a projection (none for 0 outputs)."""
    chain = Chain(batch, inputs if first else channels, *(first or window)["size"])
    if first:
        shape = (batch, channels, *window["size"])
        fields = {"stride": first["stride"], "padding": first["padding"], "dilation": first["dilation"]}
        chain.add(Convolution, shape, weight=weights(seed, channels, inputs, *first["kernel"]), bias=None, **fields)
        chain.activate(functions[0])
    fields = {"stride": window["stride"], "padding": window["padding"], "dilation": window["dilation"]}
    weight, bias = weights(seed + 1, channels, 1, *window["kernel"]), weights(seed + 2, channels, 1).flatten()
    shape = (batch, channels, *window["output"])
    chain.add(Convolution, shape, weight=weight, bias=bias, groups=channels, **fields)
    chain.activate(functions[1])
    if outputs:
        shape = (batch, outputs, *window["output"])
        weight, bias = weights(seed + 3, outputs, channels, 1, 1), weights(seed + 4, outputs, 1).flatten()
        chain.add(Convolution, shape, weight=weight, bias=bias)
        if shape == chain.tensors["input"].shape and seed % 2:
            chain.add(Binary, shape, "input", function="add")
        chain.activate(functions[2])
    return chain.graph()


many_channels = st.one_of(st.integers(2, 20), st.integers(21, 70))


@few
@given(
    windows(), batches, many_channels, st.integers(1, 40), st.tuples(FUNCTIONS, FUNCTIONS, FUNCTIONS), threads, seeds
)
def test_a_depthwise_and_a_pointwise_convolution_agree_with_torch_for_any_window(
    window, batch, channels, outputs, functions, threads, seed
) -> None:
    check_joined(block_of(batch, channels, channels, outputs, {}, window, functions, seed), threads, seed)


@few
@given(
    windows(),
    batches,
    st.integers(1, 32),
    many_channels,
    st.integers(0, 40),
    st.tuples(FUNCTIONS, FUNCTIONS, FUNCTIONS),
    threads,
    seeds,
)
def test_a_pointwise_expansion_that_is_not_kept_agrees_with_torch(
    window, batch, inputs, channels, outputs, functions, threads, seed
) -> None:
    first = window_of(window["size"], kernel=1)
    check_joined(block_of(batch, inputs, channels, outputs, first, window, functions, seed), threads, seed)


@few
@given(
    st.tuples(st.integers(1, 5), st.integers(1, 3), st.integers(1, 2)),
    windows(most_padding=2),
    batches,
    many_channels,
    st.integers(0, 40),
    st.tuples(FUNCTIONS, FUNCTIONS, FUNCTIONS),
    threads,
    seeds,
)
def test_any_expansion_that_is_not_kept_agrees_with_torch(
    shape, window, batch, channels, outputs, functions, threads, seed
) -> None:
    first = window_before(window["size"], *shape, padding=seed % shape[0])
    check_joined(block_of(batch, 1, channels, outputs, first, window, functions, seed), threads, seed)


def window_of(size: tuple[int, int], kernel: int = 3, stride: int = 1) -> dict[str, tuple[int, ...]]:
    """Returns a window with as much padding as keeps a map's size at stride 1."""
    output = tuple((side - 1) // stride + 1 for side in size)
    pair = {"kernel": (kernel, kernel), "stride": (stride, stride), "dilation": (1, 1), "padding": (kernel // 2,) * 4}
    return {**pair, "size": size, "output": output}


@pytest.mark.parametrize("expanded", [False, True])
@pytest.mark.parametrize("threads", [1, 2])
def test_a_map_of_several_blocks_and_strips_agrees_with_torch(expanded, threads) -> None:
    size = (18, 700)
    first = window_of(size, kernel=1) if expanded else {}
    check_joined(block_of(2, 5, 48, 20, first, window_of(size, stride=2), ("relu", "silu", None), 0), threads, 0)


def test_multiply_adds_of_an_expansion_count_the_places_around_a_change_too() -> None:
    size = (9, 9)
    graph = block_of(1, 5, 8, 4, window_of(size, kernel=1), window_of(size), (None, None, None), 0)
    session = Program(graph, threads=1).session()
    (frame,) = frames_of(graph, 0)
    session(frame)
    dense = session.report().macs_done
    assert dense == session.macs_dense == 81 * 8 * (5 + 9 + 4)
    frame = frame.clone()
    frame[0, :, 4, 4] += 1
    session(frame)
    assert session.report().macs_done - dense == 25 * 8 * 5 + 9 * 8 * (9 + 4)
    twin = copy.deepcopy(session)
    assert twin.report().macs_done == session.report().macs_done
