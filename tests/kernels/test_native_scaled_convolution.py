"""Pointwise convolutions of products with one factor a channel, against their definition, for every instruction set."""

from __future__ import annotations

import pytest
import torch
from draws import batches, channel_counts, few, seeds, sides, threads, weights
from hypothesis import given
from hypothesis import strategies as st
from single import check

from saccade.graph import Activation, Binary, Convolution, Graph, Operator, Reference, Tensor
from saccade.runtime import Program


def graph_of(batch: int, channels: int, outputs: int, size: tuple[int, int], function: str, seed: int) -> Graph:
    """Returns a graph of features and factors, whose products meet a pointwise layer, with a residual if it fits."""
    shape = (batch, outputs, *size)
    operators: list[Operator] = [
        Binary("product", ("features", "factors"), ("product",), "multiply"),
        Convolution(
            "conv", ("product",), ("conv",), weights(seed, outputs, channels, 1, 1), weights(seed, outputs, 1)[:, 0]
        ),
    ]
    tensors = {
        "features": Tensor("features", (batch, channels, *size)),
        "factors": Tensor("factors", (batch, channels, 1, 1)),
        "product": Tensor("product", (batch, channels, *size)),
        "conv": Tensor("conv", shape),
    }
    if channels == outputs and seed % 2:
        operators.append(Binary("sum", ("conv", "features"), ("sum",), "add"))
    operators.append(Activation("output", (operators[-1].output,), ("output",), function))
    tensors |= {name: Tensor(name, shape) for name in ("sum", "output")}
    tree = torch.utils._pytree.tree_structure(0)
    return Graph(("features", "factors"), (Reference("output"),), tree, tuple(operators), tensors)


@few
@given(batches, channel_counts, channel_counts, st.tuples(sides, st.integers(2, 13)), threads, seeds)
def test_a_scaled_convolution_agrees_with_torch(batch, channels, outputs, size, threads, seed) -> None:
    graph = graph_of(batch, channels, channels if seed % 3 else outputs, size, ("relu", "silu")[seed % 2], seed)
    assert len(Program(graph, threads=1).plan.steps) == 1
    check(graph, threads, seed)


@pytest.mark.parametrize("threads", [1, 2])
def test_a_map_of_several_blocks_agrees_with_torch(threads) -> None:
    check(graph_of(2, 70, 70, (20, 31), "relu", 1), threads, 0)


def test_factors_of_one_image_leave_the_others_alone() -> None:
    graph = graph_of(3, 8, 5, (4, 6), "relu", 0)
    session = Program(graph, threads=1).session()
    features, factors = torch.randn(3, 8, 4, 6), torch.randn(3, 8, 1, 1)
    session(features, factors)
    factors = factors.clone()
    factors[1, 2] += 1
    session(features, factors)
    assert session.change_maps()["conv"].sum(dim=(1, 2)).tolist() == [0, 24, 0]
