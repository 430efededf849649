"""What the networks see, row by row of the table of deviations."""

from __future__ import annotations

import pytest
import torch

from saccade.errors import ExperimentError
from saccade.experiments.spatial_attention.sequences import BLACK, DIRECTIONS, GREY, Motion

DIGIT = torch.rand(28, 28, generator=torch.Generator().manual_seed(0)) * 2 - 1


def _canvas(top: int, left: int, digit: torch.Tensor = DIGIT, background: float = BLACK) -> torch.Tensor:
    image = torch.full((1, 1, 64, 64), background)
    image[0, 0, top : top + digit.shape[0], left : left + digit.shape[1]] = digit
    return image


def test_experiment_one_repeats_the_centred_digit():
    for motion in (Motion(0), Motion.as_published(0)):
        frames = motion.sequence(DIGIT)
        assert len(frames) == 10
        assert all(torch.equal(frame, _canvas(18, 18)) for frame in frames)


def test_rows_6_7_and_9_the_published_digit_scrolls_in_a_fixed_aperture_on_grey():
    frames = Motion.as_published().sequence(DIGIT)
    assert torch.equal(frames[0], _canvas(18, 19, background=GREY)), "shifted from the start"
    for step, frame in enumerate(frames):
        visible = DIGIT[:, : 28 - step]  # a right column is lost at every step
        assert torch.equal(frame, _canvas(18, 19 + step, visible, GREY))
        assert (frame[..., 47:] == GREY).all()


def test_the_corrected_digit_moves_whole_on_black_and_starts_centred():
    for step, frame in enumerate(Motion().sequence(DIGIT)):
        assert torch.equal(frame, _canvas(18, 18 + step))


@pytest.mark.parametrize(("scrolling", "background"), [(True, BLACK), (False, GREY)])
def test_aperture_and_background_are_mended_one_without_the_other(scrolling, background):
    frames = Motion(scrolling=scrolling, background=background, centred_start=False).sequence(DIGIT)
    expected = _canvas(18, 24, DIGIT[:, :23] if scrolling else DIGIT, background)
    assert torch.equal(frames[5], expected)


def test_row_8_up_is_down_in_the_published_program_only():
    assert torch.equal(
        Motion.as_published(2, "up").sequence(DIGIT)[0], Motion.as_published(2, "down").sequence(DIGIT)[0]
    )
    up = {name: Motion(2, name, frames=4).sequence(DIGIT)[3] for name in DIRECTIONS}
    assert torch.equal(up["up"], _canvas(12, 18))
    assert torch.equal(up["down"], _canvas(24, 18))
    assert torch.equal(up["left"], _canvas(18, 12))
    assert torch.equal(up["right"], _canvas(18, 24))


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"shift": 3}, "move the digit by 27 pixels; the image has room for 18"),
        ({"shift": 2, "centred_start": False}, "by 20 pixels"),
        ({"shift": 19, "scrolling": True}, "room for 18"),
        ({"shift": -1}, "0 or more pixels"),
        ({"frames": 0}, "at least 1 frame"),
        ({"direction": "sideways"}, "right, left, up, down"),
    ],
)
def test_a_motion_out_of_the_image_is_an_error_before_anything_is_drawn(fields, told):
    with pytest.raises(ExperimentError, match=told):
        Motion(**fields)


def test_the_largest_shifts_still_fit():
    assert torch.equal(Motion(2).sequence(DIGIT)[9], _canvas(18, 36))
    assert torch.equal(Motion.as_published(18).sequence(DIGIT)[0], _canvas(18, 36, background=GREY))
