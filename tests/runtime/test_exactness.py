"""Incremental outputs equal a dense pass bit for bit, on random graphs and random sequences of frames."""

from __future__ import annotations

import copy
from collections.abc import Iterator

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from random_graphs import CHANGES, frames, graphs, grow, sequences

from saccade.kernels.reference import evaluate
from saccade.plan import chains
from saccade.runtime import Program, native

settings_of_graphs = settings(deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))


@pytest.fixture(autouse=True, scope="module")
def expansions_of_any_size_are_not_kept() -> Iterator[None]:
    """Random graphs are small, and only large expansions are computed anew where they are read."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(chains, "LEAST_ELEMENTS", 0)
        patch.setattr(chains, "LEAST_POOLED_ELEMENTS", 0)
        yield


def identical(left: torch.Tensor, right: torch.Tensor) -> bool:
    """Whether two tensors agree bit for bit, any NaN counting as any other."""
    if left.shape != right.shape or left.dtype != right.dtype:
        return False
    return bool(((left == right) | (left.isnan() & right.isnan())).all())


def error(given: torch.Tensor, expected: torch.Tensor) -> float:
    norm = expected.double().norm().clamp(min=1e-2 * max(1, expected.numel()) ** 0.5)
    return float((given.double() - expected.double()).norm() / norm)


@pytest.mark.parametrize("instruction_set", native.instruction_sets())
@settings(settings_of_graphs, max_examples=60)
@given(graphs(), sequences(), st.integers(1, 2))
def test_outputs_are_those_of_a_dense_pass_after_any_changes(instruction_set, graph, changes, threads) -> None:
    program = Program(graph, threads=threads, instruction_set=instruction_set)
    session = program.session(poison=True)
    for step, inputs in enumerate(frames(graph, changes)):
        outputs = session(*inputs)
        for name, given_, dense in zip(graph.output_names(), outputs, session.dense(*inputs), strict=True):
            assert identical(given_, dense), (step, name)


@pytest.fixture
def torch_without_onednn() -> Iterator[None]:
    """Some builds of oneDNN read fresh memory in a convolution of a channels-last map of one channel."""
    torch._C._set_mkldnn_enabled(False)
    yield
    torch._C._set_mkldnn_enabled(True)


@pytest.mark.usefixtures("torch_without_onednn")
@settings(settings_of_graphs, max_examples=60)
@given(graphs(), sequences(3))
def test_outputs_agree_with_torch_for_any_graph(graph, changes) -> None:
    session = Program(graph, threads=1).session(poison=True)
    for inputs in frames(graph, changes):
        for name, given_, expected in zip(graph.output_names(), session(*inputs), evaluate(graph, inputs), strict=True):
            assert given_.shape == expected.shape
            assert given_.dtype == expected.dtype
            if given_.is_floating_point():
                assert error(given_, expected) < 1e-4, name


@pytest.mark.parametrize("seed", range(0, 240, 40))
def test_outputs_are_those_of_a_dense_pass_for_many_seeded_graphs(seed) -> None:
    for number in range(seed, seed + 40):
        graph = grow(number, 5 + number % 25)
        changes = [(CHANGES[(number + step) % len(CHANGES)], number + step) for step in range(4)]
        session = Program(graph, threads=1 + number % 2).session(poison=True)
        for step, inputs in enumerate(frames(graph, changes)):
            for given_, dense in zip(session(*inputs), session.dense(*inputs), strict=True):
                assert identical(given_, dense), (number, step)


@settings(settings_of_graphs, max_examples=25)
@given(graphs(8), sequences(4), st.sampled_from([float("nan"), float("inf"), -float("inf"), -0.0, 1e30]))
def test_outputs_are_those_of_a_dense_pass_where_a_frame_holds_odd_numbers(graph, changes, value) -> None:
    session = Program(graph, threads=1).session(poison=True)
    for step, inputs in enumerate(frames(graph, changes)):
        if step % 2:
            inputs[0][0, 0, -1, 0] = value
        for given_, dense in zip(session(*inputs), session.dense(*inputs), strict=True):
            assert identical(given_, dense)


@settings(settings_of_graphs, max_examples=25)
@given(graphs(8), sequences(4), sequences(4))
def test_a_copy_goes_on_independently_from_the_same_frame(graph, before, after) -> None:
    session = Program(graph, threads=1).session(poison=True)
    for inputs in frames(graph, before):
        session(*inputs)
    twin = copy.deepcopy(session)
    for mine, others in zip(frames(graph, before), frames(graph, after, seed=1), strict=False):
        for given_, dense in zip(session(*mine), session.dense(*mine), strict=True):
            assert identical(given_, dense)
        for given_, dense in zip(twin(*others), twin.dense(*others), strict=True):
            assert identical(given_, dense)


@settings(settings_of_graphs, max_examples=25)
@given(graphs(8), sequences(3))
def test_the_first_frame_after_a_reset_is_computed_anew(graph, changes) -> None:
    session = Program(graph, threads=1).session(poison=True)
    for inputs in frames(graph, changes):
        session(*inputs)
    session.reset()
    for inputs in frames(graph, changes, seed=5):
        for given_, dense in zip(session(*inputs), session.dense(*inputs), strict=True):
            assert identical(given_, dense)


@settings(settings_of_graphs, max_examples=25)
@given(graphs(8), sequences(4))
def test_a_place_outside_the_change_map_keeps_its_value(graph, changes) -> None:
    session = Program(graph, threads=1).session(poison=True)
    before: list[torch.Tensor] = []
    writers = {operator.outputs[0]: operator.name for operator in graph.operators}
    for inputs in frames(graph, changes):
        after = session(*inputs)
        maps = session.change_maps()
        for name, old, new in zip(graph.output_names(), before, after, strict=bool(before)):
            if writers.get(name) not in maps or new.dim() != 4:
                continue
            active = maps[writers[name]]
            kept = ~active.expand(new.shape[0], *new.shape[2:])[:, None].expand(new.shape)
            assert identical(old[kept], new[kept]), name
        before = after
