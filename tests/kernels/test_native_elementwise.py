"""Native elementwise operators against their definition in torch, for every instruction set."""

from __future__ import annotations

import torch
from draws import batches, channel_counts, few, seeds, sides, threads, weights
from hypothesis import given
from hypothesis import strategies as st
from single import check, single

from saccade.graph import ACTIVATIONS, BINARY_FUNCTIONS, Activation, Binary, ChannelAffine, Constant


@few
@given(st.sampled_from(sorted(ACTIVATIONS)), batches, channel_counts, sides, st.sampled_from([0.3, 3.0, 30.0]), seeds)
def test_activations_agree_with_torch_for_small_and_large_values(function, batch, channels, side, scale, seed) -> None:
    values = {"minimum": -0.5, "maximum": 2.0, "negative_slope": 0.1, "alpha": 0.7}
    parameters = tuple(values[name] for name in ACTIVATIONS[function])
    shape = (batch, channels, side, 24)
    graph = single(Activation, [shape], shape, function=function, parameters=parameters)
    # torch's own gelu of infinity is NaN in some builds.
    check(graph, 1, seed, scale, contained=function != "gelu")


@few
@given(st.sampled_from(BINARY_FUNCTIONS), st.integers(0, 255), batches, channel_counts, sides, sides, threads, seeds)
def test_binary_functions_agree_with_torch_for_any_broadcast(
    function, ones, batch, channels, height, width, threads, seed
) -> None:
    full = (batch, channels, height, width)
    left = tuple(1 if ones >> axis & 1 else size for axis, size in enumerate(full))
    right = tuple(1 if ones >> (axis + 4) & 1 else size for axis, size in enumerate(full))
    output = tuple(torch.broadcast_shapes(left, right))
    check(single(Binary, [left, right], output, function=function), threads, seed)


@few
@given(batches, channel_counts, sides, sides, threads, seeds)
def test_channel_affine_agrees_with_torch_for_any_map(batch, channels, height, width, threads, seed) -> None:
    shape = (batch, channels, height, width)
    scale, shift = weights(seed, channels, 1).flatten(), weights(seed + 1, channels, 1).flatten()
    check(single(ChannelAffine, [shape], shape, scale=scale, shift=shift), threads, seed)


@few
@given(batches, channel_counts, sides, seeds)
def test_a_constant_is_added_as_torch_adds_it_for_any_shape(batch, channels, side, seed) -> None:
    shape = (batch, channels, side, 3)
    graph = single(Binary, [shape, shape], shape, function="add")
    value = weights(seed, *shape)
    constant = Constant("constant", (), ("input1",), value)
    graph = type(graph)(
        ("input0",), graph.outputs, graph.output_tree, (constant, *graph.operators), graph.tensors, None
    )
    check(graph, 1, seed)
