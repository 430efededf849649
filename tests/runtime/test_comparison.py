"""The native sweep over two frames against its definition in torch."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from saccade.policy.change import compare_cells as compare_in_torch
from saccade.runtime import native_information
from saccade.runtime.comparison import all_finite, compare_cells, take_over

SETS = native_information()["instruction_sets"]


def check(frame: torch.Tensor, reference: torch.Tensor, instruction_set: str = "") -> None:
    given = compare_cells(frame, reference, instruction_set)
    expected = compare_in_torch(frame, reference)
    for name in ("squares", "steps"):
        left, right = getattr(given, name), getattr(expected, name)
        assert left.shape == right.shape
        np.testing.assert_allclose(left, right, rtol=1e-4, atol=1e-5, err_msg=name)
    assert given.mean == pytest.approx(expected.mean, rel=1e-4, abs=1e-5)
    assert given.largest == pytest.approx(expected.largest, rel=1e-4, abs=1e-5)
    step = float(np.median(expected.steps)) ** 0.5 * 1.001
    assert given.stepped(step) == pytest.approx(expected.stepped(step), abs=1.5 / expected.steps.size)


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(SETS),
    st.booleans(),
    st.integers(1, 2),
    st.integers(1, 4),
    st.integers(1, 40),
    st.integers(1, 70),
    st.integers(0, 2**30),
)
def test_the_native_sweep_agrees_with_torch_for_any_shape(
    instruction_set, as_bytes, images, channels, height, width, seed
) -> None:
    generator = torch.Generator().manual_seed(seed)
    shape = (2, images, channels, height, width)
    if as_bytes:
        frame, reference = torch.randint(0, 256, shape, dtype=torch.uint8, generator=generator)
    else:
        frame, reference = torch.randn(shape, generator=generator)
    check(frame, reference, instruction_set)


@pytest.mark.parametrize(
    ("frame", "reference"),
    [
        (torch.rand(1, 3, 20, 20).transpose(2, 3), torch.rand(1, 3, 20, 20)),
        (torch.rand(1, 3, 9, 9).half(), torch.rand(1, 3, 9, 9).half()),
        (torch.rand(2, 30), torch.rand(2, 30)),
        (torch.randint(0, 9, (1, 7)), torch.randint(0, 9, (1, 7))),
    ],
    ids=["not contiguous", "half", "two dimensions", "whole numbers"],
)
def test_what_the_native_sweep_does_not_take_is_compared_in_torch(frame, reference) -> None:
    check(frame, reference)


def test_values_that_are_not_finite_make_the_change_of_their_own_cell_not_finite() -> None:
    reference = torch.zeros(1, 3, 16, 16)
    frame = reference.clone()
    frame[0, 1, 4, 3] = float("nan")
    squares = compare_cells(frame, reference).squares
    assert np.isnan(squares).tolist() == [[[True, False], [False, False]]]


@settings(max_examples=40, deadline=None)
@given(st.sampled_from(SETS), st.integers(0, 5000), st.integers(0, 2**30))
def test_a_copy_takes_values_over_and_tells_how_far_it_was(instruction_set, count, seed) -> None:
    generator = torch.Generator().manual_seed(seed)
    values, copy = torch.randn(2, count, generator=generator)
    right = (float((values - copy).double().square().sum()), float(values.double().square().sum()))
    guard = torch.full((count + 2,), math.nan)
    guard[1:-1] = copy
    given = take_over(guard[1:-1], values, instruction_set)
    assert given == pytest.approx(right, rel=1e-5)
    assert torch.equal(guard[1:-1], values)
    assert guard[[0, -1]].isnan().all()


def test_a_copy_takes_over_values_that_are_not_finite_and_those_of_other_types() -> None:
    copy = torch.zeros(2, 3)
    values = torch.tensor([[1.0, math.nan, 2.0], [3.0, math.inf, 0.5]])
    difference, norm = take_over(copy, values)
    assert math.isnan(difference)
    assert math.isnan(norm)
    torch.testing.assert_close(copy, values, rtol=0, atol=0, equal_nan=True)
    assert take_over(torch.zeros(2, 3), torch.ones(3, 2, dtype=torch.float64).t()) == (6.0, 6.0)


@settings(max_examples=40, deadline=None)
@given(st.sampled_from(SETS), st.integers(1, 300), st.sampled_from([math.nan, math.inf, -math.inf]), st.data())
def test_one_value_that_is_not_finite_is_found_anywhere(instruction_set, count, value, data) -> None:
    guard = torch.full((count + 2,), math.nan)
    values = guard[1:-1]
    values[:] = 3e38 * torch.linspace(-1, 1, count)
    assert all_finite(values, instruction_set)
    values[data.draw(st.integers(0, count - 1))] = value
    assert not all_finite(values, instruction_set)


def test_values_of_other_types_and_orders_are_looked_through_too() -> None:
    values = torch.zeros(3, 4, dtype=torch.float64)
    assert all_finite(values)
    assert all_finite(values.float().t())
    values[1, 2] = math.inf
    assert not all_finite(values)
    assert not all_finite(values.float().t())
