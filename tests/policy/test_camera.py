"""The camera's motion, from two pictures of one world."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from moving_pictures import noise, view, world

from saccade.policy.camera import Landmarks, estimate_motion

WORLD = world()


@settings(max_examples=40, deadline=None)
@given(st.integers(-50, 50), st.integers(-65, 65), st.integers(0, 1000))
def test_a_translation_is_found_to_the_pixel(y, x, seed) -> None:
    before, after = view(WORLD, 100, 150), view(WORLD, 100 - y, 150 - x)
    motion = estimate_motion(after + noise(after, 2.0, seed), Landmarks.of(before))
    assert (motion.y, motion.x) == (y, x)
    assert motion.agreement > 0.6


def test_an_object_that_moves_does_not_count_as_the_cameras_motion() -> None:
    before, after = view(WORLD, 100, 150), view(WORLD, 97, 161)
    car = view(world(seed=1), 0, 0, 60, 70)
    before[..., 90:150, 20:90] = car
    after[..., 90:150, 60:130] = car
    motion = estimate_motion(after, Landmarks.of(before))
    assert (motion.y, motion.x) == (3, -11)


def test_another_scene_does_not_agree() -> None:
    motion = estimate_motion(view(world(seed=2), 0, 0), Landmarks.of(view(WORLD, 0, 0)))
    assert motion.agreement < 0.5


@pytest.mark.parametrize("size", [(1, 1), (5, 300), (17, 17), (16, 33), (64, 64)])
def test_small_pictures_and_empty_ones_do_not_move(size) -> None:
    for picture in (torch.zeros(1, 3, *size), view(WORLD, 0, 0, *size)):
        motion = estimate_motion(picture, Landmarks.of(picture))
        assert (motion.y, motion.x) == (0, 0)
        assert 0 <= motion.agreement <= 1


def test_bytes_and_any_number_of_channels_are_taken() -> None:
    for channels in (1, 2, 4):
        picture = WORLD[:, :1].repeat(2, channels, 1, 1).to(torch.uint8)
        motion = estimate_motion(view(picture, 40, 45), Landmarks.of(view(picture, 42, 40)))
        assert (motion.y, motion.x) == (2, -5)
