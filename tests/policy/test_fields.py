"""What the fields of policies may hold: anything else is an error where it is given, and names the policy."""

from __future__ import annotations

from math import inf, nan

import numpy as np
import pytest

from saccade.errors import PolicyError
from saccade.policy import (
    Allowance,
    Balanced,
    Borji,
    Calibrated,
    CBInfer,
    DeltaCNN,
    Frugal,
    Gate,
    Hold,
    Keyframed,
    Near,
    SceneChange,
    Tolerance,
    resolve_policy,
)
from saccade.policy.fields import is_number, is_whole
from saccade.policy.regions import RegionRule

REFUSED = [
    (Near, {"threshold": -1.0}),
    (Near, {"threshold": nan}),
    (DeltaCNN, {"threshold": -1.0}),
    (CBInfer, {"threshold": nan}),
    (Calibrated, {"threshold": -1.0}),
    (Calibrated, {"levels": nan}),
    (Calibrated, {"levels": -1.0}),
    (Calibrated, {"longest": -3}),
    (Calibrated, {"least_cost": nan}),
    (Calibrated, {"delta_cost": 0.0}),
    (Calibrated, {"scene": 5}),
    (Balanced, {"scene": 5}),
    (Balanced, {"error": "0.1"}),
    (Balanced, {"longest": nan}),
    (Frugal, {"error": inf}),
    (Keyframed, {"policy": Near(), "rule": 3}),
    (Keyframed, {"policy": Near(), "every": nan}),
    (Hold, {"every": nan}),
    (Hold, {"every": 2.5}),
    (Hold, {"every": "2"}),
    (Hold, {"every": True}),
    (Gate, {"longest": nan}),
    (Gate, {"levels": inf}),
    (Tolerance, {"threshold": "a"}),
    (Tolerance, {"delta_cost": 0}),
    (Tolerance, {"least_cost": nan}),
    (Borji, {"field": 3.0}),
    (Allowance, {"share": inf}),
    (Allowance, {"largest": inf}),
    (Allowance, {"frames": inf}),
    (Allowance, {"quality": 90.5}),
    (SceneChange, {"travel": nan}),
    (SceneChange, {"apart": 1.5}),
    (RegionRule, {"pixels": nan}),
]


@pytest.mark.parametrize(("kind", "fields"), REFUSED)
def test_a_field_that_cannot_be_is_refused_where_it_is_given(kind, fields) -> None:
    field, value = list(fields.items())[-1]
    with pytest.raises(PolicyError) as refused:
        kind(**fields)
    assert f"{kind.__name__}({field}={value!r}) was given; expected" in str(refused.value)


def test_whole_numbers_and_finite_numbers_of_any_library_are_taken() -> None:
    assert is_number(np.float32(0.5))
    assert is_number(3)
    assert is_whole(np.int64(3), 3)
    assert Hold(np.int64(3)).every == Hold(3).every
    assert SceneChange(travel=inf).travel == inf
    assert not any(is_number(value) for value in (nan, inf, -0.1, True, "1", None, 10**400))
    assert not any(is_whole(value) for value in (2.0, -1, False, "1", None))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("balanced:abc", "balanced:abc was given; expected a finite error of 0 or more, such as balanced:0.05"),
        ("frugal:inf", "frugal:inf was given; expected a finite error of 0 or more"),
        ("near:nan", "near:nan was given; expected a finite threshold of 0 or more, such as near:0.1"),
        ("gate:-1", "gate:-1 was given; expected a finite number of grey levels of 0 or more, such as gate:1.5"),
        ("borji:nan", "borji:nan was given; expected a finite threshold of 0 or more, such as borji:0.5"),
        ("hold:0", "hold:0 was given; expected a whole number from 1 up, such as hold:2"),
    ],
)
def test_a_number_behind_a_name_that_does_not_suit_names_the_policy_and_an_example(text, told) -> None:
    with pytest.raises(PolicyError) as refused:
        resolve_policy(text)
    assert told in str(refused.value)
