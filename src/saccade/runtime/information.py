"""What the engine runs on, and whether it computes what it should."""

from __future__ import annotations

from typing import Any

import torch

from saccade.graph import Activation, Convolution, Graph, MaxPool, Reference, Tensor
from saccade.kernels.reference import evaluate
from saccade.runtime import native
from saccade.runtime.program import Program
from saccade.runtime.threads import thread_count


def native_information() -> dict[str, Any]:
    """Returns the instruction sets usable here (best first), the one chosen, the compiler and the processors."""
    usable = list(native.instruction_sets())
    return {
        "instruction_set": usable[0],
        "instruction_sets": usable,
        "compiler": str(native.compiler),
        "cores": thread_count(None),
    }


def self_test() -> list[tuple[str, bool, str]]:
    """Checks every usable instruction set on a small network against torch, and incremental against dense.

    Returns:
        For each check its name, whether it passed, and what was measured.
    """
    results = []
    for name in native.instruction_sets():
        results.extend(_check(name))
    return results


def _network() -> Graph:
    generator = torch.Generator().manual_seed(0)

    def weight(*shape: int) -> torch.Tensor:
        return torch.randn(shape, generator=generator) / 6

    tensors = [
        Tensor("frame", (1, 3, 33, 35)),
        Tensor("wide", (1, 37, 17, 18)),
        Tensor("act", (1, 37, 17, 18)),
        Tensor("depthwise", (1, 37, 17, 18)),
        Tensor("pooled", (1, 37, 9, 9)),
        Tensor("out", (1, 70, 9, 9)),
    ]
    operators = (
        Convolution("first", ("frame",), ("wide",), weight(37, 3, 3, 3), weight(37), (2, 2), (1, 1, 1, 1)),
        Activation("hardswish", ("wide",), ("act",), "hardswish"),
        Convolution("each", ("act",), ("depthwise",), weight(37, 1, 3, 3), weight(37), padding=(1, 1, 1, 1), groups=37),
        MaxPool("pool", ("depthwise",), ("pooled",), (3, 3), (2, 2), (1, 1, 1, 1)),
        Convolution("last", ("pooled",), ("out",), weight(70, 37, 1, 1), None),
    )
    tree = torch.utils._pytree.tree_structure(0)
    return Graph(("frame",), (Reference("out"),), tree, operators, {tensor.name: tensor for tensor in tensors})


def _check(instruction_set: str) -> list[tuple[str, bool, str]]:
    graph = _network()
    program = Program(graph, threads=1, instruction_set=instruction_set)
    session = program.session(poison=True)
    generator = torch.Generator().manual_seed(1)
    frame = torch.randn((1, 3, 33, 35), generator=generator)
    session(frame)
    frame[:, :, 10:14, 20:23] += 1
    output = session(frame)
    (expected,) = evaluate(graph, [frame])
    error = float((output - expected).norm() / expected.norm())
    identical = bool(torch.equal(output, session.dense(frame)))
    return [
        (f"{instruction_set}: agrees with torch", error < 1e-5, f"relative L2 error {error:.1e}"),
        (f"{instruction_set}: incremental equals dense", identical, "bit for bit" if identical else "bits differ"),
    ]
