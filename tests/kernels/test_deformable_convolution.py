"""The change map of a deformable convolution follows its offsets."""

from __future__ import annotations

import torch
from single import same_bits, single

from saccade.graph import DeformableConvolution
from saccade.runtime import Program

SIDE = 8
AROUND = {(4, 4), (4, 5), (5, 4), (5, 5)}
"""The places without offset that read (5, 5): even with weight 0, by which infinity becomes NaN."""


def session_and_inputs(offset: torch.Tensor):
    """Returns a session of a 1 x 1 deformable convolution of 4 channels, and its inputs."""
    generator = torch.Generator().manual_seed(0)
    graph = single(
        DeformableConvolution,
        [(1, 4, SIDE, SIDE), (1, 2, SIDE, SIDE)],
        (1, 3, SIDE, SIDE),
        weight=torch.randn(3, 4, 1, 1, generator=generator),
        bias=None,
    )
    session = Program(graph, threads=1).session(poison=True)
    return session, torch.randn(1, 4, SIDE, SIDE, generator=generator), offset


def active(session) -> set[tuple[int, int]]:
    """Returns the places (row, column) that the last frame recomputed."""
    return {(int(y), int(x)) for y, x in session.change_maps()["operator"][0].nonzero()}


def test_only_the_places_that_sample_a_change_are_computed_anew() -> None:
    offset = torch.zeros(1, 2, SIDE, SIDE)
    offset[0, :, 0, 1] = torch.tensor([5.0, 4.0])  # (0, 1) looks at (5, 5)
    offset[0, :, 6, 6] = torch.tensor([-1.5, -0.5])  # (6, 6) between (4, 5), (4, 6), (5, 5) and (5, 6)
    offset[0, :, 5, 5] = torch.tensor([0.0, 2.0])  # (5, 5) looks elsewhere
    offset[0, :, 7, 7] = torch.tensor([40.0, float("nan")])  # outside
    session, features, offset = session_and_inputs(offset)
    session(features, offset)
    changed = features.clone()
    changed[0, :, 5, 5] += 1
    output = session(changed, offset)
    assert active(session) == (AROUND - {(5, 5)}) | {(0, 1), (6, 6)}
    assert same_bits(output, session.dense(changed, offset))


def test_a_moved_offset_is_followed_from_then_on() -> None:
    session, features, offset = session_and_inputs(torch.zeros(1, 2, SIDE, SIDE))
    session(features, offset)
    moved = offset.clone()
    moved[0, :, 2, 2] = torch.tensor([3.0, 3.0])
    session(features, moved)
    assert active(session) == {(2, 2)}
    changed = features.clone()
    changed[0, :, 5, 5] += 1
    output = session(changed, moved)
    assert active(session) == AROUND | {(2, 2)}
    assert same_bits(output, session.dense(changed, moved))
