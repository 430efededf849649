"""What a stream foresees of its errors, and what it allows itself."""

from __future__ import annotations

import math
import random

import numpy as np
import pytest

from saccade.errors import PolicyError
from saccade.policy import Allowance, Balanced, Outlook
from saccade.policy.allowance import Correction, PowerLaw
from saccade.policy.change import CellChange, ComparedCells


def changed(mean: float, largest: float | None = None) -> CellChange:
    return ComparedCells(mean, mean if largest is None else largest, np.zeros((1, 1, 1)), np.zeros((1, 1, 1)))


def law_of(scale: float, power: float, spread: float = 0.0, pairs: int = 400) -> PowerLaw:
    """Returns what is learned from pairs around a law, over a tenfold range of changes."""
    random.seed(0)
    law = PowerLaw()
    for _ in range(pairs):
        change = 10 ** random.uniform(-0.5, 0.5)
        law.learn(change, scale * change**power * math.exp(random.gauss(0, spread)))
    return law


@pytest.mark.parametrize("power", [0.4, 0.8, 1.2])
def test_a_power_law_is_found_again(power) -> None:
    law = law_of(0.05, power)
    assert law.power == pytest.approx(power, abs=0.1)
    for change in (0.5, 1.0, 2.0):
        assert law.at(change) == pytest.approx(0.05 * change**power, rel=0.15)


def test_pairs_that_scatter_raise_what_is_foreseen_to_their_mean() -> None:
    # The mean of exp(normal(0, .5)) is exp(.125) times its median.
    assert law_of(0.05, 0.8, spread=0.5).at(1.0) == pytest.approx(0.05 * math.exp(0.125), rel=0.25)


def test_nothing_is_allowed_before_anything_is_known_and_pairs_without_news_are_left_out() -> None:
    outlook = Outlook.at(Allowance(0.1), 0.1)
    for change, error in ((0.0, 0.1), (1.0, 0.0), (1.0, math.nan), (math.nan, 1.0), (1.0, math.inf)):
        outlook.learn(changed(change), error)
        assert math.isinf(outlook.foreseen(changed(1.0)))
        assert not outlook.allows(outlook.foreseen(changed(0.0)))


def test_the_livelier_of_the_picture_and_its_liveliest_part_counts() -> None:
    outlook = Outlook.at(Allowance(0.1), 0.1)
    for _ in range(50):
        outlook.learn(changed(1.0, 2.0), 0.05)
    calm = outlook.foreseen(changed(1.0, 2.0))
    assert calm == pytest.approx(0.05, rel=0.1)
    assert outlook.foreseen(changed(1.1, 7.0)) > 2.5 * calm


def test_a_change_far_beyond_those_of_late_is_not_held_whatever_is_allowed() -> None:
    outlook = Outlook.at(Allowance(1e3), 1e3)
    for _ in range(50):
        outlook.learn(changed(0.01, 0.02), 1e-4)
    assert outlook.allows(outlook.foreseen(changed(0.03, 0.06)))
    assert not outlook.allows(outlook.foreseen(changed(0.05, 0.06)))
    assert not outlook.allows(outlook.foreseen(changed(0.03, 0.1)))


def test_frames_are_held_until_the_mean_is_spent_and_none_that_errs_much_more() -> None:
    outlook = Outlook.at(Allowance(0.1, largest=2.5, frames=16), 0.1)
    for change in (0.5, 1.0, 2.0) * 30:
        outlook.learn(changed(change), 0.08 * change)
    assert not outlook.allows(outlook.foreseen(changed(3.5)))
    errors = []
    for _ in range(400):
        held = outlook.allows(outlook.foreseen(changed(2.0)))
        errors.append(outlook.foreseen(changed(2.0)) if held else 0.0)
        outlook.spend(errors[-1])
    assert sum(errors) / len(errors) == pytest.approx(0.1, rel=0.1)
    assert 0 < errors.count(0.0) < len(errors)


def test_what_updates_err_by_is_part_of_what_is_foreseen() -> None:
    outlook = Outlook.at(Allowance(0.1), 0.1)
    outlook.learn(changed(1.0), 0.04)
    alone = outlook.foreseen(changed(1.0))
    outlook.updated = 0.03
    assert outlook.foreseen(changed(1.0)) == pytest.approx(math.hypot(alone, 0.03))


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: Allowance(-0.1), r"Allowance\(error=-0.1\) was given; expected a finite number of 0 or more"),
        (lambda: Allowance(math.inf), r"Allowance\(error=inf\)"),
        (lambda: Allowance(quality=96), "expected a whole number from 1 to 95"),
        (lambda: Allowance(share=0), r"share=0\) was given; expected a finite number above 0"),
        (lambda: Balanced(error=math.nan), r"Balanced\(error=nan\)"),
        (lambda: Balanced(layers=-1), r"Balanced\(layers=-1\)"),
        (lambda: Balanced(longest=-1), r"Balanced\(longest=-1\) was given; expected a whole number from 0 up"),
        (
            lambda: Balanced.parse("much"),
            "balanced:much was given; expected a finite error of 0 or more, such as balanced:0.05",
        ),
        (lambda: Balanced.parse("0.5,1"), "balanced:0.5,1 was given"),
    ],
)
def test_numbers_that_make_no_allowance_are_refused(make, said) -> None:
    with pytest.raises(PolicyError, match=said):
        make()


def test_errors_that_were_foreseen_too_large_are_corrected_once_several_pairs_say_so() -> None:
    correction = Correction()
    assert correction.factor == 1
    correction.learn(0.2, 0.1)
    assert 0.8 < correction.factor < 1
    for _ in range(40):
        correction.learn(0.2, 0.1)
    assert correction.factor == pytest.approx(0.5, rel=0.1)
    correction.learn(math.inf, 0.1)
    correction.learn(0.2, math.nan)
    assert correction.factor == pytest.approx(0.5, rel=0.1)


def test_the_largest_error_of_a_frame_rises_while_nothing_is_spent_and_falls_while_too_much_is() -> None:
    outlook = Outlook.at(Allowance(0.1, largest=2.5), 0.1)
    for _ in range(100):
        outlook.spend(0.0)
    assert outlook.limit == 2.5
    for _ in range(100):
        outlook.spend(0.3)
    assert outlook.limit < 1
