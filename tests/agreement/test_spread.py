"""Means and percentiles."""

import dataclasses
import json
import math

import pytest

from saccade.agreement import Spread, json_fields


def test_a_spread_has_mean_nearest_rank_percentile_and_largest() -> None:
    spread = Spread.of([*range(1, 100), 1000])
    assert spread == Spread(pytest.approx((99 * 50 + 1000) / 100), 95, 1000)
    assert Spread.of([0.5]) == Spread(0.5, 0.5, 0.5)


def test_an_infinite_number_is_counted_and_leaves_the_others_as_they_are() -> None:
    spread = Spread.of([math.inf] + [0.25] * 20)
    assert spread == Spread(0.25, 0.25, 0.25, infinite=1)
    assert str(spread) == "mean 0.25, 95th percentile 0.25, largest 0.25, and 1 infinite"


def test_where_all_numbers_are_infinite_so_is_their_spread() -> None:
    spread = Spread.of([math.inf, math.inf])
    assert spread == Spread(math.inf, math.inf, math.inf, infinite=2)
    assert str(spread) == "infinite in all 2"


def test_fields_for_json_hold_nothing_in_the_place_of_what_is_not_finite() -> None:
    spread = Spread.of([math.inf])
    fields = dataclasses.asdict(spread, dict_factory=json_fields)
    assert json.loads(json.dumps(fields, allow_nan=False)) == {
        "mean": None,
        "percentile_95": None,
        "largest": None,
        "infinite": 1,
    }


def test_no_numbers_have_a_spread_of_zeros() -> None:
    assert Spread.of([]) == Spread(0.0, 0.0, 0.0)
