"""Means and percentiles."""

import math

import pytest

from saccade.agreement import Spread


def test_a_spread_has_mean_nearest_rank_percentile_and_largest() -> None:
    spread = Spread.of([*range(1, 100), 1000])
    assert spread == Spread(pytest.approx((99 * 50 + 1000) / 100), 95, 1000)
    assert Spread.of([0.5]) == Spread(0.5, 0.5, 0.5)


def test_one_infinite_number_in_twenty_one_spares_the_percentile() -> None:
    spread = Spread.of([math.inf] + [0.25] * 20)
    assert (spread.mean, spread.percentile_95, spread.largest) == (math.inf, 0.25, math.inf)


def test_no_numbers_have_a_spread_of_zeros() -> None:
    assert Spread.of([]) == Spread(0.0, 0.0, 0.0)
