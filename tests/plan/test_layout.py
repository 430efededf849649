"""Where tensors lie: borders, concatenations and slices without copies, and copies where two places are wanted."""

from __future__ import annotations

import torch

from saccade.graph import (
    Activation,
    ChannelGather,
    Concatenate,
    Convolution,
    Fallback,
    Graph,
    Operator,
    Reference,
    Tensor,
    TransposedConvolution,
)
from saccade.kernels.reference import evaluate
from saccade.plan import Placement, make_plan
from saccade.runtime import Program

SIZE = (7, 5)


def graph_of(*operators: Operator, outputs: tuple[str, ...] = (), **channels: int) -> Graph:
    """Returns a graph whose tensors are 7 x 5 with 2 channels, or as many as named; it reads ``x``."""
    names = ["x", *(name for operator in operators for name in operator.outputs)]
    tensors = {name: Tensor(name, (1, channels.get(name, 2), *SIZE)) for name in names}
    outputs = outputs or (operators[-1].outputs[0],)
    tree = torch.utils._pytree.tree_structure([0] * len(outputs))
    return Graph(("x",), tuple(Reference(name) for name in outputs), tree, operators, tensors)


def relu(source: str, target: str) -> Activation:
    return Activation(target, (source,), (target,), "relu")


def joined(target: str, *sources: str) -> Concatenate:
    return Concatenate(target, sources, (target,))


def gathered(source: str, target: str, *indices: int) -> ChannelGather:
    return ChannelGather(target, (source,), (target,), indices)


def check(graph: Graph) -> None:
    """Outputs are torch's and the dense pass's, after changes of a few places too."""
    session = Program(graph, threads=1).session(poison=True)
    generator = torch.Generator().manual_seed(0)
    frame = torch.randn(graph.tensors["x"].shape, generator=generator)
    for step in range(3):
        frame = frame.clone()
        frame[:, :, step, step] += 1
        outputs = session(frame)
        for given, dense, expected in zip(outputs, session.dense(frame), evaluate(graph, [frame]), strict=True):
            assert torch.equal(given, dense)
            assert torch.allclose(given, expected, atol=1e-6)


def test_the_parts_of_a_concatenation_lie_in_it() -> None:
    graph = graph_of(relu("x", "a"), relu("x", "b"), joined("c", "a", "b"), c=4)
    placements = make_plan(graph).placements
    assert placements["a"] == Placement("c", 0)
    assert placements["b"] == Placement("c", 2)
    assert placements["c"].parent is None
    assert list(placements).index("c") < list(placements).index("a")
    check(graph)


def test_a_nested_concatenation_lies_in_the_outer_one() -> None:
    graph = graph_of(
        relu("x", "a"), relu("x", "b"), joined("c", "a", "b"), relu("c", "d"), joined("e", "d", "c"), c=4, d=4, e=8
    )
    placements = make_plan(graph).placements
    assert placements["c"] == Placement("e", 4)
    assert placements["b"] == Placement("c", 2)
    check(graph)


def test_a_tensor_in_two_concatenations_lies_in_one_and_is_copied_to_the_other() -> None:
    graph = graph_of(
        relu("x", "a"),
        relu("x", "b"),
        joined("c", "a", "b"),
        joined("d", "b", "a"),
        outputs=("c", "d"),
        c=4,
        d=4,
    )
    placements = make_plan(graph).placements
    assert {placements["a"].parent, placements["b"].parent} == {"d"}
    check(graph)


def test_a_concatenation_of_what_already_lies_in_order_needs_no_memory() -> None:
    graph = graph_of(
        relu("x", "a"),
        relu("x", "b"),
        joined("c", "a", "b"),
        joined("d", "a", "b"),
        outputs=("c", "d"),
        c=4,
        d=4,
    )
    placements = make_plan(graph).placements
    assert placements["c"].parent == "d"
    check(graph)


def test_a_tensor_that_is_concatenated_twice_is_copied_once() -> None:
    check(graph_of(relu("x", "a"), joined("b", "a", "a", "x", "x"), b=8))


def test_a_concatenation_of_one_tensor_is_that_tensor() -> None:
    check(graph_of(relu("x", "a"), joined("b", "a"), relu("b", "c"), outputs=("a", "b", "c")))


def test_a_slice_lies_in_what_it_was_cut_from() -> None:
    graph = graph_of(gathered("x", "a", 2, 3), relu("a", "b"), x=5)
    plan = make_plan(graph)
    assert plan.placements["a"] == Placement("x", 2)
    assert plan.views == {"a"}
    check(graph)


def test_a_slice_that_is_part_of_a_concatenation_is_copied() -> None:
    graph = graph_of(gathered("x", "a", 2, 3), relu("x", "b"), joined("c", "b", "a"), x=5, b=5, c=7)
    assert make_plan(graph).views == frozenset()
    check(graph)


def test_halves_that_are_joined_again_are_right_in_both_orders() -> None:
    for order in (("a", "b"), ("b", "a")):
        check(graph_of(gathered("x", "a", 0, 1), gathered("x", "b", 2, 3), joined("c", *order), x=4, c=4))


def test_a_slice_of_a_slice_of_a_concatenation_is_right() -> None:
    check(
        graph_of(
            relu("x", "a"),
            joined("b", "x", "a"),
            gathered("b", "c", 1, 2, 3),
            gathered("c", "d", 1, 2),
            relu("d", "e"),
            outputs=("b", "c", "d", "e"),
            b=4,
            c=3,
        )
    )


def test_shuffled_and_repeated_channels_are_copied() -> None:
    for indices in ((1, 0), (0, 0), (3, 2, 1, 0), (0, 2, 1, 3)):
        graph = graph_of(gathered("x", "a", *indices), x=4, a=len(indices))
        assert make_plan(graph).views == frozenset()
        check(graph)


def test_a_tensor_has_the_widest_border_of_its_consumers() -> None:
    def convolution(target: str, kernel: int, padding: tuple[int, int, int, int]) -> Convolution:
        return Convolution(target, ("x",), (target,), torch.ones(2, 2, kernel, kernel), None, padding=padding)

    graph = graph_of(
        convolution("a", 3, (1, 1, 1, 1)),
        convolution("b", 5, (3, 2, 1, 2)),
        convolution("c", 1, (0, 0, 0, 0)),
        outputs=("a", "b", "c"),
    )
    assert make_plan(graph).placements["x"].border == (3, 2, 1, 2)
    check(graph)


def test_a_border_on_the_far_side_is_no_wider_than_what_is_read() -> None:
    strided = Convolution("a", ("x",), ("a",), torch.ones(2, 2, 1, 1), None, stride=(2, 2), padding=(0, 0, 5, 5))
    tensors = {"x": Tensor("x", (1, 2, 7, 5)), "a": Tensor("a", (1, 2, 6, 5))}
    tree = torch.utils._pytree.tree_structure([0])
    graph = Graph(("x",), (Reference("a"),), tree, (strided,), tensors)
    assert make_plan(graph).placements["x"].border == (0, 0, 4, 4)
    check(graph)


def test_a_border_belongs_to_the_concatenation_that_its_reader_lies_in() -> None:
    wide = Convolution("d", ("a",), ("d",), torch.ones(2, 2, 3, 3), None, padding=(1, 1, 1, 1))
    graph = graph_of(relu("x", "a"), relu("x", "b"), joined("c", "a", "b"), wide, outputs=("c", "d"), c=4)
    placements = make_plan(graph).placements
    assert placements["c"].border == (1, 1, 1, 1)
    assert placements["a"].border == (0, 0, 0, 0)
    check(graph)


def test_a_transposed_convolution_has_a_border_of_what_its_taps_reach() -> None:
    transposed = TransposedConvolution("a", ("x",), ("a",), torch.ones(2, 2, 3, 3), None, padding=(1, 1))
    graph = graph_of(transposed)
    assert make_plan(graph).placements["x"].border == (1, 1, 1, 1)
    check(graph)


def test_what_only_torch_reads_has_no_place() -> None:
    flip = Fallback("a", ("x",), ("a",), "aten.flip.default", (Reference("x"), [2]))
    graph = graph_of(flip)
    assert make_plan(graph).placements == {}
    check(graph)
