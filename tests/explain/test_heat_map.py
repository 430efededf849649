"""Colours over a photograph."""

from __future__ import annotations

import numpy as np
import pytest

from saccade.errors import ExplanationError
from saccade.explain import overlay

GREY = np.full((2, 3, 3), 100, dtype=np.uint8)


def test_the_whole_scale_reaches_from_blue_to_red() -> None:
    weights = np.array([[0.0, 0.25, 0.5], [0.75, 1.0, 1.0]])
    colours = overlay(GREY, weights, strength=1).astype(int)
    assert colours[0, 1, 2] > colours[0, 1, 0]
    assert colours[0, 2, 1] > max(colours[0, 2, 0], colours[0, 2, 2])
    assert colours[1, 0, 0] > colours[1, 0, 2]


def test_colours_are_mixed_by_their_strength() -> None:
    black_to_white = overlay(GREY, np.array([[0.0, 0.0, 0.0], [1.0, 1.0, 1.0]]), strength=0.4, colours="gray")
    np.testing.assert_array_equal(black_to_white[0], 60)
    np.testing.assert_array_equal(black_to_white[1], 162)


def test_without_strength_the_picture_is_unchanged() -> None:
    np.testing.assert_array_equal(overlay(GREY, np.ones((2, 3)), strength=0), GREY)


def test_a_map_of_another_size_is_an_error() -> None:
    with pytest.raises(ExplanationError, match=r"the weights are \(3, 2\) and the picture \(2, 3\)"):
        overlay(GREY, np.ones((3, 2)))


def test_an_unknown_colour_scale_is_an_error() -> None:
    with pytest.raises(ExplanationError, match="no colour scale 'rainbough'"):
        overlay(GREY, np.ones((2, 3)), colours="rainbough")
