"""Pictures of what was recomputed."""

from __future__ import annotations

import numpy as np
import pytest

from saccade.video import Box, draw_overlay
from saccade.video.overlay import stretch, strip_height, tint


def _grey(height: int, width: int) -> np.ndarray:
    return np.full((height, width, 3), 90, dtype=np.uint8)


def test_only_changed_places_are_tinted():
    changed = np.zeros((6, 8), dtype=bool)
    changed[2:4, 2:5] = True
    picture = tint(_grey(60, 80), changed)
    touched = (picture != 90).any(axis=2)
    assert touched.tolist() == stretch(changed, 60, 80).tolist()


def test_a_frame_without_change_stays_as_it_is():
    picture = draw_overlay(_grey(96, 128), change_map=np.zeros((4, 4), dtype=bool), share=0.0)
    assert (picture[:96] == 90).all()


def test_the_frame_given_is_not_drawn_on():
    rgb = _grey(96, 128)
    draw_overlay(rgb, change_map=np.ones((4, 4), dtype=bool), boxes=[Box(10, 10, 50, 50, "car")])
    assert (rgb == 90).all()


@pytest.mark.parametrize(("height", "width"), [(96, 128), (384, 640), (33, 21), (1080, 1920), (640, 384)])
@pytest.mark.parametrize("maps", [None, {}, {"a.very.long.operator.name/conv": np.eye(7, dtype=bool)}])
def test_every_picture_of_a_size_has_the_same_height(height, width, maps):
    shapes = {
        draw_overlay(_grey(height, width), title="frame 3", share=share, maps=maps).shape for share in (None, 0, 0.4, 1)
    }
    assert shapes == {(height + strip_height(height, width, maps is not None), width, 3)}


def test_boxes_outside_the_frame_do_not_fail():
    boxes = [Box(-30, -20, 500, 400, "car 0.9", 0), Box(50, 50, 40, 40, "", 7)]
    assert draw_overlay(_grey(96, 128), boxes=boxes).shape[1] == 128


def test_stretching_a_map_takes_the_nearest_place():
    mask = np.array([[True, False], [False, True]])
    assert stretch(mask, 4, 4).tolist() == np.kron(mask, np.ones((2, 2), dtype=bool)).tolist()


def test_a_note_is_drawn_behind_the_title_and_an_alarm_stands_out():
    plain, note, alarm = (
        draw_overlay(_grey(480, 640), title="frame 3", share=0.5, note=text, alarm=alarm)[480:]
        for text, alarm in (("", False), ("error 0.031", False), ("error 0.031", True))
    )
    assert (plain != note).any()
    assert ((alarm[..., 0] > 200) & (alarm[..., 1] < 120)).any()
    assert not ((note[..., 0] > 200) & (note[..., 1] < 120)).any()


def test_a_note_that_does_not_fit_is_left_out():
    plain, note = (draw_overlay(_grey(96, 128), title="frame 3", share=0.5, note=text) for text in ("", "error " * 9))
    assert (plain == note).all()
