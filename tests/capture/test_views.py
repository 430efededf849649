"""Symbolic layouts against the same views in torch."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from hypothesis import given
from hypothesis import strategies as st

from saccade.capture.layout import Value, place_constant
from saccade.graph import Layout

SHAPES = st.tuples(*[st.sampled_from(sizes) for sizes in ((1, 2), (1, 4, 6, 12), (1, 2, 6), (1, 3, 4))])


def as_torch_sees(value: Value, stored: torch.Tensor) -> torch.Tensor:
    layout = value.reference().layout
    return stored if layout is None else layout.apply(stored)


def reshapings(shape: Sequence[int]) -> st.SearchStrategy[tuple[int, ...]]:
    """Draws shapes with as many elements."""
    count = math.prod(shape)
    divisors = [size for size in range(1, count + 1) if count % size == 0]
    pairs = st.sampled_from(divisors).map(lambda size: (size, count // size))
    return st.one_of(st.just((count,)), pairs, pairs.map(lambda pair: (pair[0], 1, pair[1])))


@given(shape=SHAPES, data=st.data())
def test_chain_of_views_matches_torch(shape: tuple[int, ...], data: st.DataObject) -> None:
    stored = torch.arange(float(math.prod(shape))).reshape(shape)
    value, expected = Value.of("x", shape), stored
    for _ in range(3):
        order = data.draw(st.permutations(range(value.rank)))
        value, expected = value.permute(order), expected.permute(order)
        wanted = data.draw(reshapings(expected.shape))
        reshaped = value.reshape(wanted)
        if reshaped is None:
            break
        value, expected = reshaped, expected.reshape(wanted)
    assert value.shape == tuple(expected.shape)
    assert torch.equal(as_torch_sees(value, stored), expected)


def test_view_back_and_forth_is_stored_as_seen() -> None:
    value = Value.of("x", (2, 12, 5, 7)).permute([0, 2, 3, 1]).reshape([2, 35, 3, 4])
    assert value is not None
    back = value.permute([0, 2, 3, 1]).reshape([2, 3, 4, 5, 7])
    assert back is None or not back.is_stored_as_seen
    restored = value.reshape([2, 5, 7, 12])
    assert restored is not None
    assert restored.permute([0, 3, 1, 2]).is_stored_as_seen
    assert restored.permute([0, 3, 1, 2]).reference().layout is None


def test_reshape_across_an_axis_is_refused() -> None:
    assert Value.of("x", (1, 4, 3, 3)).permute([0, 2, 3, 1]).reshape([1, 2, 18]) is None


@given(shape=SHAPES, data=st.data())
def test_constant_is_placed_where_it_broadcasts(shape: tuple[int, ...], data: st.DataObject) -> None:
    order = data.draw(st.permutations(range(4)))
    value = Value.of("x", shape).permute(order)
    kept = data.draw(st.tuples(*[st.booleans()] * 4))
    constant_shape = [size if keep else 1 for size, keep in zip(value.shape, kept, strict=True)]
    constant = torch.arange(float(math.prod(constant_shape))).reshape(constant_shape)
    placed = place_constant(constant, value)
    assert placed is not None
    stored = torch.rand(shape)
    assert torch.equal(as_torch_sees(value, stored * placed), as_torch_sees(value, stored) * constant)


def test_layout_applies_permutation_to_atoms() -> None:
    tensor = torch.arange(24.0).reshape(1, 6, 2, 2)
    expected = tensor.reshape(1, 2, 3, 4).permute(0, 2, 3, 1).reshape(1, 3, 8)
    layout = Layout((2, 3, 4), (1, 2, 0), (1, 3, 8))
    assert torch.equal(layout.apply(tensor), expected)
