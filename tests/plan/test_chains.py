"""Which layers are computed along with the one behind them."""

from __future__ import annotations

import pytest
import torch

from saccade.graph import (
    Activation,
    AdaptiveAveragePool,
    Binary,
    Convolution,
    Graph,
    MaxPool,
    Operator,
    Reference,
    Tensor,
    Transmission,
)
from saccade.kernels.reference import evaluate
from saccade.plan import Step, chains, make_plan
from saccade.runtime import Program

SHAPE = (1, 4, 6, 6)


@pytest.fixture(autouse=True)
def expansions_of_any_size_are_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chains, "LEAST_ELEMENTS", 0)
    monkeypatch.setattr(chains, "LEAST_POOLED_ELEMENTS", 0)


def numbers(*shape: int) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(sum(shape))) / 3


def pointwise(source: str, target: str, **fields: object) -> Convolution:
    return Convolution(target, (source,), (target,), numbers(4, 4, 1, 1), numbers(4), **fields)


def depthwise(source: str, target: str) -> Convolution:
    return Convolution(target, (source,), (target,), numbers(4, 1, 3, 3), numbers(4), padding=(1, 1, 1, 1), groups=4)


def relu(source: str, target: str) -> Activation:
    return Activation(target, (source,), (target,), "relu")


def add(first: str, second: str, target: str) -> Binary:
    return Binary(target, (first, second), (target,), "add")


def graph_of(*operators: Operator, outputs: tuple[str, ...] = (), **shapes: tuple[int, ...]) -> Graph:
    """Returns a graph of tensors of SHAPE that reads ``x``; its output is the last operator's unless named."""
    tensors = {
        name: Tensor(name, shapes.get(name, SHAPE)) for name in ["x", *(operator.output for operator in operators)]
    }
    outputs = outputs or (operators[-1].output,)
    tree = torch.utils._pytree.tree_structure([0] * len(outputs))
    return Graph(("x",), tuple(Reference(name) for name in outputs), tree, operators, tensors)


def layers_of(graph: Graph) -> list[list[str]]:
    """Returns the names of the layers of each step, and checks that the steps compute what the graph does."""
    frame = torch.randn(SHAPE, generator=torch.Generator().manual_seed(7))
    session = Program(graph, threads=1).session(poison=True)
    for given, expected in zip(session(frame), evaluate(graph, [frame]), strict=True):
        assert torch.allclose(given, expected, rtol=1e-4, atol=1e-6)
    return [[part.name for part in step.chain] for step in make_plan(graph).steps if isinstance(step, Step)]


def test_an_inverted_residual_block_is_one_step() -> None:
    layers = pointwise("x", "a"), relu("a", "b"), depthwise("b", "c"), relu("c", "d"), pointwise("d", "e")
    graph = graph_of(*layers, Binary("f", ("e", "x"), ("f",), "add"))
    assert layers_of(graph) == [["a", "c", "e"]]
    (step,) = make_plan(graph).steps
    assert isinstance(step, Step)
    assert (step.inputs, step.output, step.residual) == (("x",), "f", "x")
    assert step.fused == ("b", "a", "d", "c", "f")
    assert set(make_plan(graph).placements) == {"x", "f"}


def test_the_layers_on_one_side_alone_are_joined_too() -> None:
    assert layers_of(graph_of(depthwise("x", "a"), relu("a", "b"), pointwise("b", "c"))) == [["a", "c"]]
    assert layers_of(
        graph_of(pointwise("x", "a"), depthwise("a", "b"), MaxPool("c", ("b",), ("c",), (1, 1), (1, 1)))
    ) == [
        ["a", "b"],
        ["c"],
    ]


def test_a_depthwise_layer_s_projection_is_not_the_next_one_s_expansion() -> None:
    graph = graph_of(depthwise("x", "a"), pointwise("a", "b"), depthwise("b", "c"), pointwise("c", "d"))
    assert layers_of(graph) == [["a", "b"], ["c", "d"]]


def test_what_something_else_reads_is_kept() -> None:
    block = pointwise("x", "a"), depthwise("a", "b"), pointwise("b", "c")
    assert layers_of(graph_of(*block, outputs=("a", "c"))) == [["a"], ["b", "c"]]
    assert layers_of(graph_of(*block, outputs=("b", "c"))) == [["a", "b"], ["c"]]
    assert layers_of(graph_of(*block, Binary("d", ("c", "b"), ("d",), "add"))) == [["a", "b"], ["c"]]


def test_a_depthwise_layer_with_a_sum_behind_it_is_kept() -> None:
    graph = graph_of(depthwise("x", "a"), Binary("b", ("a", "x"), ("b",), "add"), pointwise("b", "c"))
    assert layers_of(graph) == [["a"], ["c"]]


def test_a_projection_with_a_stride_or_padding_is_a_step_of_its_own() -> None:
    graph = graph_of(depthwise("x", "a"), pointwise("a", "b", padding=(1, 0, 0, 1)), pointwise("b", "c"))
    graph.tensors["b"] = graph.tensors["c"] = Tensor("b", (1, 4, 7, 7))
    assert layers_of(graph) == [["a"], ["b"], ["c"]]


def test_small_and_costly_expansions_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    graph = graph_of(pointwise("x", "a"), depthwise("a", "b"), pointwise("b", "c"))
    monkeypatch.setattr(chains, "MOST_PRODUCTS", 4)
    monkeypatch.setattr(chains, "LEAST_ELEMENTS", 144)
    assert layers_of(graph) == [["a", "b", "c"]]
    monkeypatch.setattr(chains, "MOST_PRODUCTS", 3)
    assert layers_of(graph) == [["a"], ["b", "c"]]
    monkeypatch.setattr(chains, "MOST_PRODUCTS", 4)
    monkeypatch.setattr(chains, "LEAST_ELEMENTS", 145)
    assert layers_of(graph) == [["a"], ["b", "c"]]


def pool(source: str, target: str) -> MaxPool:
    return MaxPool(target, (source,), (target,), (3, 3), (1, 1), (1, 1, 1, 1))


def test_a_convolution_whose_output_is_pooled_is_not_kept_unless_it_costs_too_much(monkeypatch) -> None:
    graph = graph_of(pointwise("x", "a"), relu("a", "b"), pool("b", "c"))
    assert layers_of(graph) == [["a", "c"]]
    assert layers_of(graph_of(depthwise("x", "a"), pool("a", "b"))) == [["a"], ["b"]]
    assert layers_of(graph_of(pointwise("x", "a"), pool("a", "b"), outputs=("a", "b"))) == [["a"], ["b"]]
    monkeypatch.setattr(chains, "MOST_POOLED_PRODUCTS", 3)
    assert layers_of(graph) == [["a"], ["c"]]


def test_what_layers_tell_each_other_is_kept() -> None:
    told = Transmission("t", ("x",), ("t",), "elements")
    graph = graph_of(told, depthwise("t", "a"), pointwise("a", "b"))
    plan = make_plan(graph)
    assert [[part.name for part in step.chain] for step in plan.steps if isinstance(step, Step)] == [
        ["t"],
        ["a"],
        ["b"],
    ]


def squeeze(source: str, target: str) -> AdaptiveAveragePool:
    return AdaptiveAveragePool(target, (source,), (target,))


@pytest.mark.parametrize("pair", [("x", "s"), ("s", "x")])
def test_a_product_with_one_factor_a_channel_is_a_part_of_the_pointwise_layer_behind_it(pair) -> None:
    product = Binary("p", pair, ("p",), "multiply")
    graph = graph_of(squeeze("x", "s"), product, pointwise("p", "a"), add("a", "x", "b"), s=(1, 4, 1, 1))
    assert layers_of(graph) == [["s"], ["p", "a"]]
    assert "p" not in make_plan(graph).placements


def test_other_products_are_kept() -> None:
    places = graph_of(squeeze("x", "s"), Binary("p", ("x", "s"), ("p",), "add"), pointwise("p", "a"), s=(1, 4, 1, 1))
    assert layers_of(places) == [["s"], ["p"], ["a"]]
    whole = graph_of(relu("x", "r"), Binary("p", ("x", "r"), ("p",), "multiply"), pointwise("p", "a"))
    assert layers_of(whole) == [["r"], ["p"], ["a"]]
    active = graph_of(
        squeeze("x", "s"),
        Binary("p", ("x", "s"), ("p",), "multiply"),
        relu("p", "r"),
        pointwise("r", "a"),
        s=(1, 4, 1, 1),
    )
    assert layers_of(active) == [["s"], ["p"], ["a"]]
    twice = graph_of(
        squeeze("x", "s"),
        Binary("p", ("x", "s"), ("p",), "multiply"),
        pointwise("p", "a"),
        add("a", "p", "b"),
        s=(1, 4, 1, 1),
    )
    assert layers_of(twice) == [["s"], ["p"], ["a"]]
    wide = graph_of(squeeze("x", "s"), Binary("p", ("x", "s"), ("p",), "multiply"), depthwise("p", "a"), s=(1, 4, 1, 1))
    assert layers_of(wide) == [["s"], ["p"], ["a"]]
