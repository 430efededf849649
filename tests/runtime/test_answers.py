"""How far answers are from those before."""

from __future__ import annotations

import math

import pytest
import torch

from saccade.runtime.answers import MOST_VALUES, Answers


def test_answers_follow_and_tell_how_far_they_were_by_the_output_that_moved_most() -> None:
    first = {"near": torch.tensor([3.0, 4.0]), "far": torch.tensor([[2.0, 0.0]]), "count": torch.tensor([7])}
    later = {"near": torch.tensor([3.0, 4.5]), "far": torch.tensor([[1.0, 0.0]]), "count": torch.tensor([9])}
    answers = Answers.of(first)
    assert answers.take_over(later) == pytest.approx(1.0)
    assert answers.take_over(later) == 0
    first["near"][:] = 0  # a copy was kept
    assert answers.difference(Answers.of(later)) == 0


def test_outputs_of_other_shapes_or_of_zeros_cannot_be_compared() -> None:
    answers = Answers()
    assert math.isnan(answers.take_over([torch.ones(3)]))
    assert math.isnan(answers.take_over([torch.ones(4)]))
    assert math.isnan(answers.take_over([torch.zeros(4)]))
    assert math.isnan(answers.take_over([torch.full((4,), math.nan)]))


def test_outputs_that_lie_otherwise_in_memory_are_the_same() -> None:
    value = torch.randn(1, 5, 6, 7)
    answers = Answers.of(value)
    assert answers.take_over(value.contiguous(memory_format=torch.channels_last)) == 0
    assert answers.take_over(value.double()) == 0


@pytest.mark.parametrize("width", [128, 192, 200])
def test_a_part_of_large_outputs_tells_their_error_even_where_it_lies_in_a_few_columns(width) -> None:
    generator = torch.Generator().manual_seed(0)
    right = torch.randn(1, 21, 160, width, generator=generator)
    given = right.clone()
    given[..., 17:23] += torch.randn(given[..., 17:23].shape, generator=generator)
    answers = Answers.of({"out": given, "names": ("a", 3)})
    assert answers.values[0].numel() == MOST_VALUES < given.numel()
    whole = float((given - right).norm() / right.norm())
    assert answers.difference(Answers.of({"out": right, "names": ("a", 3)})) == pytest.approx(whole, rel=0.05)
