"""The native concatenation of places against its definition in torch, for every instruction set."""

from __future__ import annotations

import pytest
import torch
from draws import batches, few, seeds, sides, threads
from hypothesis import given
from hypothesis import strategies as st
from single import check, frames_of, same_bits, single

from saccade.errors import CaptureError
from saccade.graph import Layout, PlaceConcatenate
from saccade.kernels.reference import run_native
from saccade.runtime import Program

Shape = tuple[int, ...]


@st.composite
def parts(draw: st.DrawFn, images: int, channels: int) -> tuple[Shape, Layout]:
    """Draws the shape of a head, and how its rows, columns and anchors become places."""
    anchors, height, width = draw(st.integers(1, 4)), draw(sides), draw(sides)
    order = draw(st.permutations(range(3)))
    if draw(st.booleans()):
        atoms, channel, places = (images, anchors, channels, height, width), 2, (3, 4, 1)
    else:
        atoms, channel, places = (images, channels, anchors, height, width), 1, (3, 4, 2)
    permutation = (0, channel, *(places[index] for index in order))
    return (images, anchors * channels, height, width), Layout(
        atoms, permutation, (images, channels, 1, anchors * height * width)
    )


@few
@given(st.data(), batches, st.integers(1, 20), st.integers(1, 4), threads, seeds)
def test_places_are_joined_as_in_torch_for_any_layout(data, batch, channels, count, threads, seed) -> None:
    drawn = [data.draw(parts(batch, channels)) for _ in range(count)]
    places = sum(layout.shape[3] for _, layout in drawn)
    layouts = tuple(layout for _, layout in drawn)
    shapes = [shape for shape, _ in drawn]
    check(single(PlaceConcatenate, shapes, (batch, channels, 1, places), layouts=layouts), threads, seed)


def test_a_place_is_active_where_the_place_it_is_copied_from_is() -> None:
    anchors_last = Layout((1, 2, 3, 4, 5), (0, 2, 3, 4, 1), (1, 3, 1, 40))
    plain = Layout((1, 3, 2, 3), (0, 1, 2, 3), (1, 3, 1, 6))
    shapes = [(1, 6, 4, 5), (1, 3, 2, 3)]
    graph = single(PlaceConcatenate, shapes, (1, 3, 1, 46), layouts=(anchors_last, plain))
    session = Program(graph, threads=1).session(poison=True)
    first, second = frames_of(graph, 0)
    session(first, second)
    assert bool(session.change_maps()["operator"].all())
    session(first, second)
    assert not bool(session.change_maps()["operator"].any())
    first[0, 4, 1, 2] += 1
    second[0, 0, 1, 0] += 1
    session(first, second)
    assert session.change_maps()["operator"].flatten().nonzero().flatten().tolist() == [14, 15, 43]
    assert same_bits(session(first, second), session.dense(first, second))


def test_places_cut_into_blocks_are_refused() -> None:
    blocks = Layout((1, 3, 2, 2, 4), (0, 1, 3, 2, 4), (1, 3, 1, 16))
    graph = single(PlaceConcatenate, [(1, 3, 4, 4)], (1, 3, 1, 16), layouts=(blocks,))
    with pytest.raises(CaptureError, match="regular steps"):
        Program(graph)


def test_mixed_images_are_refused() -> None:
    mixed = Layout((2, 2, 3, 4), (1, 0, 2, 3), (2, 2, 1, 12))
    graph = single(PlaceConcatenate, [(2, 2, 3, 4)], (2, 2, 1, 12), layouts=(mixed,))
    with pytest.raises(CaptureError, match="each image by itself"):
        Program(graph)


def test_joined_places_have_gradients() -> None:
    layout = Layout((1, 2, 3, 4, 5), (0, 2, 3, 4, 1), (1, 3, 1, 40))
    graph = single(PlaceConcatenate, [(1, 6, 4, 5)], (1, 3, 1, 40), layouts=(layout,))
    (operator,) = graph.operators
    frame = torch.rand(1, 6, 4, 5, requires_grad=True)
    run_native(operator, [frame], (1, 3, 1, 40)).sum().backward()
    assert torch.equal(frame.grad, torch.ones_like(frame))
