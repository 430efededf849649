"""What a comparison says of its runs."""

import math

import pytest

from saccade.experiments.gate_comparison import paired_difference, run_name, summarise


def test_an_interval_is_students() -> None:
    interval = summarise([0.1, 0.2, 0.3])
    assert interval.mean == pytest.approx(0.2)
    assert interval.half_width == pytest.approx(4.302653 * 0.1 / math.sqrt(3))
    assert interval.p == pytest.approx(0.0741799)  # of t = 2 sqrt 3 with 2 degrees of freedom


def test_one_value_has_no_interval() -> None:
    assert summarise([0.5]).half_width is None


def test_differences_are_taken_seed_by_seed() -> None:
    found = paired_difference({0: 0.5, 1: 0.7, 3: 0.9}, {1: 0.6, 0: 0.3, 2: 0.1})
    assert found is not None
    assert found.count == 2
    assert found.mean == pytest.approx(0.15)
    assert paired_difference({0: 0.5}, {1: 0.5}) is None


def test_names_of_files_hold_no_odd_characters() -> None:
    assert run_name("das@blocks:alpha=0.1", 2) == "das_blocks_alpha=0.1-seed2"
