"""Native norms and softmax against their definition in torch, for every instruction set."""

from __future__ import annotations

from draws import batches, channel_counts, few, seeds, sides, threads, weights
from hypothesis import given
from hypothesis import strategies as st
from single import check, single

from saccade.graph import GroupMoments, LayerNormalization, Softmax, Standardization


@few
@given(st.booleans(), batches, channel_counts, sides, sides, threads, seeds)
def test_softmax_agrees_with_torch_for_any_map(logarithm, batch, channels, height, width, threads, seed) -> None:
    shape = (batch, channels, height, width)
    check(single(Softmax, [shape], shape, logarithm=logarithm), threads, seed, scale=5.0)


@few
@given(st.booleans(), st.booleans(), batches, st.integers(2, 70), sides, sides, threads, seeds)
def test_layer_normalization_agrees_with_torch_for_any_map(
    weighted, biased, batch, channels, height, width, threads, seed
) -> None:
    shape = (batch, channels, height, width)
    graph = single(
        LayerNormalization,
        [shape],
        shape,
        weight=weights(seed, channels, 1).flatten() if weighted else None,
        bias=weights(seed + 1, channels, 1).flatten() if biased else None,
        epsilon=1e-3,
    )
    check(graph, threads, seed)


@few
@given(batches, st.integers(1, 5), st.integers(1, 15), sides, st.integers(1, 40), threads, seeds)
def test_group_moments_agree_with_torch_for_any_groups(batch, groups, each, height, width, threads, seed) -> None:
    shape = (batch, groups * each, height, width)
    graph = single(GroupMoments, [shape], (batch, 2 * shape[1], 1, 1), groups=groups, epsilon=1e-2)
    check(graph, threads, seed)


@few
@given(batches, channel_counts, sides, sides, threads, seeds)
def test_standardization_agrees_with_torch_for_any_shape(batch, channels, height, width, threads, seed) -> None:
    shape = (batch, channels, height, width)
    graph = single(
        Standardization,
        [shape, (batch, 2 * channels, 1, 1)],
        shape,
        weight=weights(seed, channels, 1).flatten() if seed % 2 else None,
        bias=weights(seed + 1, channels, 1).flatten() if seed % 3 else None,
    )
    check(graph, threads, seed)
