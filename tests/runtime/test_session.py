"""What a session does with values that only torch reads, and with constants."""

from __future__ import annotations

import math

import torch

from saccade.graph import Fallback, Graph, Reference, Tensor
from saccade.runtime import Program


def reciprocal() -> Graph:
    operator = Fallback("reciprocal", ("x",), ("y",), "aten.reciprocal.default", (Reference("x"),))
    tensors = {name: Tensor(name, (2, 3)) for name in ("x", "y")}
    tree = torch.utils._pytree.tree_structure([0, 0])
    return Graph(("x",), (Reference("y"), torch.ones(2)), tree, (operator,), tensors)


def test_the_sign_of_zero_counts_as_a_change_where_only_torch_reads_a_frame() -> None:
    session = Program(reciprocal()).session()
    assert session(torch.zeros(2, 3))[0][0, 0] == math.inf
    assert session(-torch.zeros(2, 3))[0][0, 0] == -math.inf
    assert session.report().operators[0].active_share == 1.0


def test_a_fallback_does_not_run_again_for_the_same_nan() -> None:
    session = Program(reciprocal()).session()
    broken = torch.full((2, 3), math.nan)
    session(broken)
    session(broken.clone())
    assert session.report().operators[0].active_share == 0.5


def test_a_constant_output_is_not_shared_between_frames() -> None:
    session = Program(reciprocal()).session()
    session(torch.ones(2, 3))[1].zero_()
    assert torch.equal(session(torch.ones(2, 3))[1], torch.ones(2))
