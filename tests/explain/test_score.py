"""The salient feature detection score, against numbers worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from saccade.errors import ExplanationError, RegionError
from saccade.explain import Score, ScoreRule, mean_score, salient_feature_detection

REGION = np.zeros((4, 4), dtype=bool)
REGION[:2, :2] = True
# Full attention on the region, and half of it on one place beside it.
BESIDE = np.zeros((4, 4), dtype=np.float32)
BESIDE[:2, :2] = 1
BESIDE[0, 2] = 0.5


@pytest.mark.parametrize(
    ("rule", "expected", "box"),
    [
        # B is 2 rows x 3 columns; B without R holds w = 0.5 and w = 0.
        (ScoreRule(), 9 / (9 + (2.16227766 + 0) / 2), (0, 0, 3, 2)),
        (ScoreRule(base=None), 1 / (1 + (0.5 + 0) / 2), (0, 0, 3, 2)),
        (ScoreRule(subtract_one=False), 10 / (10 + (3.16227766 + 1) / 2), (0, 0, 3, 2)),
        (ScoreRule(base=2), 1 / (1 + (0.41421356 + 0) / 2), (0, 0, 3, 2)),
        (ScoreRule(surroundings="salient"), 9 / (9 + 2.16227766), (0, 0, 3, 2)),
        # From 0.6 up only R is salient, so that B is R and nothing is left around it.
        (ScoreRule(threshold=0.6), 1.0, (0, 0, 2, 2)),
        # From 0 up everything is salient: 12 places around R, one of which is not 0.
        (ScoreRule(threshold=0), 9 / (9 + 2.16227766 / 12), (0, 0, 4, 4)),
    ],
)
def test_attention_beside_the_region_scores_as_worked_out_by_hand(rule, expected, box) -> None:
    score = salient_feature_detection(BESIDE, REGION, rule)
    assert score.value == pytest.approx(expected, abs=1e-7)
    assert score.box == box
    assert score.skipped == ""


def test_the_box_reaches_from_the_region_to_far_salient_places() -> None:
    weights = np.zeros((4, 4))
    weights[0, 0], weights[3, 3] = 1, 1
    score = salient_feature_detection(weights, REGION)
    # R: one of 4 places; around it: one of 12.
    assert (score.inside, score.outside) == (pytest.approx(9 / 4), pytest.approx(9 / 12))
    assert score.value == pytest.approx(0.75)
    assert score.box == (0, 0, 4, 4)


def test_attention_on_the_region_alone_scores_one_and_beside_it_zero() -> None:
    assert salient_feature_detection(REGION.astype(float), REGION).value == 1
    assert salient_feature_detection((~REGION).astype(float), REGION).value == 0


def test_even_attention_scores_one_half() -> None:
    assert salient_feature_detection(np.full((4, 4), 0.7), REGION).value == pytest.approx(0.5)


def test_without_the_subtraction_no_score_leaves_the_bounds_that_exclude_the_printed_ones() -> None:
    rule = ScoreRule(subtract_one=False)
    weights = np.zeros((4, 4))
    weights[:2, :2] = 1
    weights[3, 3] = 0.2  # stretches the box
    assert salient_feature_detection(weights, REGION, rule).value < 10 / 11 < 0.99


def test_an_empty_region_is_skipped_with_the_reason() -> None:
    score = salient_feature_detection(BESIDE, np.zeros((4, 4), dtype=bool))
    assert score.value is None
    assert score.skipped == "the region is empty"


def test_no_attention_at_all_is_skipped_with_the_reason() -> None:
    score = salient_feature_detection(np.zeros((4, 4)), REGION)
    assert score.value is None
    assert "weights are 0" in score.skipped


def test_a_region_that_fills_the_image_scores_one() -> None:
    assert salient_feature_detection(BESIDE, np.ones((4, 4), dtype=bool)).value == 1


@given(
    arrays.arrays(np.float32, (5, 6), elements=st.floats(0, 1, width=32)),
    arrays.arrays(np.bool_, (5, 6)),
    st.sampled_from([None, 2.0, 10.0]),
    st.floats(0, 1),
    st.sampled_from(["box", "salient"]),
)
def test_a_score_agrees_with_the_definition_place_by_place(weights, region, base, threshold, surroundings) -> None:
    rule = ScoreRule(base, True, threshold, surroundings)
    score = salient_feature_detection(weights, region, rule)
    if not region.any():
        assert score.value is None
        return
    places = [(y, x) for y in range(5) for x in range(6)]
    kept = [place for place in places if region[place] or weights[place] >= threshold]
    ys, xs = zip(*kept, strict=True)
    around = [
        (y, x)
        for y, x in places
        if not region[y, x]
        and min(ys) <= y <= max(ys)
        and min(xs) <= x <= max(xs)
        and (surroundings == "box" or weights[y, x] >= threshold)
    ]

    def mean(chosen):
        values = [float(weights[place]) if base is None else base ** float(weights[place]) - 1 for place in chosen]
        return sum(values) / len(values) if values else 0.0

    inside, outside = mean([place for place in places if region[place]]), mean(around)
    if inside + outside == 0:
        assert score.value is None
    else:
        assert score.value == pytest.approx(inside / (inside + outside), rel=1e-9)


def test_the_mean_counts_what_was_skipped_and_leaves_it_out() -> None:
    scores = [Score(0.5), Score(1.0), Score(None, skipped="the region is empty")]
    mean = mean_score(scores)
    assert (mean.value, mean.counted, mean.skipped) == (0.75, 2, 1)


def test_the_mean_of_nothing_is_none() -> None:
    assert mean_score([]).value is None


def test_a_region_of_another_shape_is_an_error() -> None:
    with pytest.raises(RegionError, match=r"the region is \(3, 4\) and the weights \(4, 4\)"):
        salient_feature_detection(BESIDE, np.ones((3, 4), dtype=bool))


def test_a_region_of_numbers_is_an_error() -> None:
    with pytest.raises(RegionError, match="holds uint8; expected bool"):
        salient_feature_detection(BESIDE, REGION.astype(np.uint8))


@pytest.mark.parametrize("value", [-0.1, 1.1, np.nan])
def test_weights_that_are_none_are_an_error(value) -> None:
    with pytest.raises(ExplanationError, match="expected 0 to 1"):
        salient_feature_detection(np.full((4, 4), value), REGION)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"base": 1.0}, "base is 1.0; expected a number above 1"),
        ({"base": float("nan")}, "base is nan"),
        ({"threshold": 1.5}, "threshold is 1.5; expected a weight from 0 to 1"),
        ({"surroundings": "ring"}, "surroundings is 'ring'; expected 'box' or 'salient'"),
    ],
)
def test_a_rule_out_of_range_is_an_error(options, told) -> None:
    with pytest.raises(ExplanationError, match=told):
        ScoreRule(**options)
