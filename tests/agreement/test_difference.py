import math

import pytest
import torch

from saccade.agreement import identical, relative_error


def test_relative_error_is_the_worst_over_the_outputs() -> None:
    right = [torch.ones(4), torch.ones(9)]
    assert relative_error([torch.ones(4) * 1.5, torch.ones(9) * 1.1], right) == pytest.approx(0.5)
    assert relative_error(right, right) == 0.0


def test_relative_error_is_infinite_where_shape_or_nan_differs() -> None:
    right = [torch.ones(4)]
    assert relative_error([torch.ones(2, 2)], right) == math.inf
    assert relative_error([torch.tensor([1.0, 1.0, 1.0, math.nan])], right) == math.inf
    assert relative_error([], right) == math.inf


def test_of_a_reference_of_zeros_only_an_equal_output_has_a_finite_error() -> None:
    right = [torch.zeros(4)]
    assert relative_error([torch.zeros(4)], right) == 0.0
    assert relative_error([torch.tensor([0.0, 0.0, 0.0, 1e-9])], right) == math.inf


def test_complex_numbers_are_judged_by_both_parts() -> None:
    right = torch.tensor([3.0 + 4.0j, 0.0])
    assert relative_error([right + 1.0j], [right]) == pytest.approx(math.sqrt(2) / 5)
    assert relative_error([right.conj()], [right]) == pytest.approx(8 / 5)
    assert relative_error([right], [right]) == 0.0


def test_a_nan_in_both_places_is_no_error() -> None:
    outputs = [torch.tensor([1.0, math.nan])]
    assert relative_error(outputs, outputs) == 0.0
    assert identical(outputs, [torch.tensor([1.0, math.nan])])


def test_identical_sees_the_last_bit() -> None:
    assert identical([torch.ones(3)], [torch.ones(3)])
    assert not identical([torch.ones(3)], [torch.ones(3).nextafter(torch.tensor(2.0))])
    assert not identical([torch.ones(3)], [torch.ones(3, dtype=torch.float64)])
    assert not identical([torch.ones(3)], [])
