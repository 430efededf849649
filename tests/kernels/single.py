"""Graphs of one operator, and how an engine's output is held against the plain-torch definition."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from saccade.graph import Graph, Operator, Reference, Tensor
from saccade.kernels.reference import evaluate
from saccade.runtime import Program, native

Shape = tuple[int, ...]
TOLERANCE = 1e-5


def single(kind: type[Operator], inputs: Sequence[Shape], output: Shape, **fields: Any) -> Graph:
    """Returns a graph with one operator of ``kind``, whose inputs are the graph's and whose output is the graph's."""
    names = tuple(f"input{index}" for index in range(len(inputs)))
    operator = kind("operator", names, ("output",), **fields)
    tensors = {name: Tensor(name, tuple(shape)) for name, shape in zip(names, inputs, strict=True)}
    tensors["output"] = Tensor("output", tuple(output))
    tree = torch.utils._pytree.tree_structure(0)
    return Graph(names, (Reference("output"),), tree, (operator,), tensors)


def frames_of(graph: Graph, seed: int, scale: float = 1.0) -> list[torch.Tensor]:
    """Returns one random tensor for each of the graph's inputs."""
    generator = torch.Generator().manual_seed(seed)
    return [torch.randn(graph.tensors[name].shape, generator=generator) * scale for name in graph.inputs]


def with_changed_places(frames: Sequence[torch.Tensor], seed: int, value: float | None = None) -> list[torch.Tensor]:
    """Returns copies in which a few places differ: noise, or ``value`` in one channel."""
    generator = torch.Generator().manual_seed(seed + 1)
    changed = [frame.clone() for frame in frames]
    frame = changed[seed % len(changed)]
    for _ in range(1 + seed % 3):
        image, channel, y, x = (int(torch.randint(size, (), generator=generator)) for size in frame.shape)
        if value is None:
            frame[image, :, y, x] += torch.randn(frame.shape[1], generator=generator)
        else:
            frame[image, channel, y, x] = value
    return changed


def same_bits(left: torch.Tensor, right: torch.Tensor) -> bool:
    """Whether two tensors hold the same numbers, NaN in the same places."""
    return left.shape == right.shape and bool(((left == right) | (left.isnan() & right.isnan())).all())


def error(given: torch.Tensor, expected: torch.Tensor) -> float:
    """Returns the relative L2 error; infinite where NaN or infinity stand in other places."""
    finite = expected.isfinite()
    if given.shape != expected.shape or not same_bits(given[~finite], expected[~finite]):
        return float("inf")
    difference = (given - expected)[finite].double().norm()
    return float(difference / expected[finite].double().norm().clamp(min=1e-6))


def check(graph: Graph, threads: int, seed: int = 0, scale: float = 1.0, *, contained: bool = True) -> None:
    """Runs a graph on each instruction set: a frame, a few changed places, NaN and infinity, and the first again.

    Args:
        graph: of one operator.
        threads: of the session.
        seed: of the frames.
        scale: standard deviation of the frames.
        contained: whether NaN and infinity reach no further than in torch.
    """
    first = frames_of(graph, seed, scale)
    sequence = [first, with_changed_places(first, seed)]
    sequence += [with_changed_places(first, seed, value) for value in (float("nan"), float("inf"))]
    sequence.append(first)
    for instruction_set in native.instruction_sets():
        session = Program(graph, threads=threads, instruction_set=instruction_set).session(poison=True)
        for step, frames in enumerate(sequence):
            output = session(*frames)
            (expected,) = evaluate(graph, frames)
            assert output.shape == expected.shape
            if contained or all(frame.isfinite().all() for frame in frames):
                assert error(output, expected) < TOLERANCE, (instruction_set, step, error(output, expected))
            assert same_bits(output, session.dense(*frames)), (instruction_set, step)


def check_joined(graph: Graph, threads: int, seed: int) -> None:
    """Checks a graph whose operators are one step together; see ``check``."""
    assert len(Program(graph, threads=1).plan.steps) == 1
    check(graph, threads, seed)
