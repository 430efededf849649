"""Which operators become one step, and that the fused graph computes the same."""

from __future__ import annotations

import torch

from saccade.graph import (
    Activation,
    Binary,
    ChannelAffine,
    Convolution,
    Fallback,
    Graph,
    Linear,
    MaxPool,
    Operator,
    Reference,
    Tensor,
    TransposedConvolution,
)
from saccade.kernels.reference import evaluate
from saccade.plan import Step
from saccade.plan.fusion import fuse
from saccade.runtime import Program

SHAPE = (1, 4, 6, 6)


def graph_of(*operators: Operator, outputs: tuple[str, ...] = (), **shapes: tuple[int, ...]) -> Graph:
    """Returns a graph of tensors of SHAPE that reads ``x``; its output is the last operator's unless named."""
    names = ["x", *(name for operator in operators for name in operator.outputs)]
    tensors = {name: Tensor(name, shapes.get(name, SHAPE)) for name in names}
    outputs = outputs or (operators[-1].outputs[0],)
    tree = torch.utils._pytree.tree_structure([0] * len(outputs))
    return Graph(("x",), tuple(Reference(name) for name in outputs), tree, operators, tensors)


def numbers(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed)) / 3


def convolution(source: str, target: str, **fields: object) -> Convolution:
    return Convolution(target, (source,), (target,), numbers(4, 4, 3, 3), numbers(4), padding=(1, 1, 1, 1), **fields)


def affine(source: str, target: str) -> ChannelAffine:
    return ChannelAffine(target, (source,), (target,), numbers(4, seed=1), numbers(4, seed=2))


def relu(source: str, target: str) -> Activation:
    return Activation(target, (source,), (target,), "relu")


def add(first: str, second: str, target: str) -> Binary:
    return Binary(target, (first, second), (target,), "add")


def names_of(steps: list[Step | Fallback]) -> list[str]:
    return [step.name for step in steps]


def check(graph: Graph) -> None:
    """The program's outputs are the unfused graph's."""
    frame = numbers(*SHAPE, seed=7)
    outputs = Program(graph, threads=1).session(poison=True)(frame)
    for given, expected in zip(outputs, evaluate(graph, [frame]), strict=True):
        assert torch.allclose(given, expected, rtol=1e-4, atol=1e-6)


def test_batch_norm_and_activation_become_part_of_the_convolution_before_them() -> None:
    graph = graph_of(convolution("x", "a"), affine("a", "b"), affine("b", "c"), relu("c", "d"))
    (step,) = fuse(graph)
    assert step.fused == ("b", "c", "d")
    assert step.output == "d"
    assert step.activation.function == "relu"
    check(graph)


def test_batch_norm_is_folded_into_linear_and_transposed_layers() -> None:
    linear = Linear("a", ("x",), ("a",), numbers(4, 144), None)
    graph = graph_of(linear, affine("a", "b"), a=(1, 4, 1, 1), b=(1, 4, 1, 1))
    assert names_of(fuse(graph)) == ["a"]
    check(graph)
    transposed = TransposedConvolution("a", ("x",), ("a",), numbers(4, 2, 3, 3), None, padding=(1, 1), groups=2)
    graph = graph_of(transposed, affine("a", "b"))
    assert names_of(fuse(graph)) == ["a"]
    check(graph)


def test_a_residual_sum_and_its_activation_become_part_of_the_later_convolution() -> None:
    for pair in (("a", "b"), ("b", "a")):
        graph = graph_of(convolution("x", "a"), convolution("a", "b"), add(*pair, "c"), relu("c", "d"))
        first, second = fuse(graph)
        assert first.output == "a"
        assert second.residual == "a"
        assert second.fused == ("c", "d")
        check(graph)


def test_nothing_is_fused_into_a_step_whose_result_is_read_twice_or_is_an_output() -> None:
    twice = graph_of(convolution("x", "a"), relu("a", "b"), add("a", "b", "c"))
    assert names_of(fuse(twice)) == ["a", "b", "c"]
    check(twice)
    output = graph_of(convolution("x", "a"), relu("a", "b"), outputs=("a", "b"))
    assert names_of(fuse(output)) == ["a", "b"]
    check(output)


def test_an_affine_or_a_second_activation_behind_an_activation_stays_a_step() -> None:
    graph = graph_of(convolution("x", "a"), relu("a", "b"), affine("b", "c"))
    assert names_of(fuse(graph)) == ["a", "c"]
    check(graph)
    graph = graph_of(convolution("x", "a"), relu("a", "b"), Activation("c", ("b",), ("c",), "tanh"))
    assert names_of(fuse(graph)) == ["a", "c"]
    check(graph)


def test_an_affine_behind_a_residual_sum_stays_a_step() -> None:
    graph = graph_of(convolution("x", "a"), add("a", "x", "b"), affine("b", "c"))
    assert names_of(fuse(graph)) == ["a", "c"]
    check(graph)


def test_a_second_sum_stays_a_step() -> None:
    graph = graph_of(convolution("x", "a"), add("a", "x", "b"), add("b", "x", "c"))
    assert names_of(fuse(graph)) == ["a", "c"]
    check(graph)


def test_a_sum_that_broadcasts_or_doubles_stays_a_step() -> None:
    pool = MaxPool("p", ("x",), ("p",), (6, 6), (1, 1))
    graph = graph_of(pool, convolution("x", "a"), add("a", "p", "b"), p=(1, 4, 1, 1))
    assert names_of(fuse(graph)) == ["p", "a", "b"]
    check(graph)
    graph = graph_of(convolution("x", "a"), add("a", "a", "b"))
    assert names_of(fuse(graph)) == ["a", "b"]
    check(graph)


def test_a_sum_whose_later_operand_is_no_convolution_stays_a_step() -> None:
    graph = graph_of(convolution("x", "a"), MaxPool("b", ("x",), ("b",), (1, 1), (1, 1)), add("a", "b", "c"))
    assert names_of(fuse(graph)) == ["a", "b", "c"]
    check(graph)


def test_nothing_is_fused_across_a_fallback() -> None:
    roll = Fallback("b", ("a",), ("b",), "aten.roll.default", (Reference("a"), [1], [2]))
    graph = graph_of(convolution("x", "a"), roll, relu("b", "c"))
    assert names_of(fuse(graph)) == ["a", "b", "c"]
    check(graph)


def test_a_linear_layer_of_one_place_becomes_a_pointwise_convolution() -> None:
    linear = Linear("a", ("x",), ("a",), numbers(3, 4), numbers(3))
    graph = graph_of(linear, x=(1, 4, 1, 1), a=(1, 3, 1, 1))
    (step,) = fuse(graph)
    assert isinstance(step.operator, Convolution)
    frame = numbers(1, 4, 1, 1, seed=7)
    (expected,) = evaluate(graph, [frame])
    (given,) = Program(graph, threads=1).session(poison=True)(frame)
    assert torch.allclose(given, expected, atol=1e-6)


def test_the_graph_itself_is_not_changed_by_folding() -> None:
    first = convolution("x", "a")
    before = first.weight.clone()
    fuse(graph_of(first, affine("a", "b")))
    assert torch.equal(first.weight, before)
