"""From a picture to a frame."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from saccade.cli.preprocess import IMAGENET_MEAN, IMAGENET_STD, Preprocessing
from saccade.errors import FrameError


def _picture(height: int = 9, width: int = 12) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)


def test_a_frame_is_scaled_then_normalised():
    rgb = _picture()
    frame = Preprocessing(mean=IMAGENET_MEAN, std=IMAGENET_STD)(rgb)
    expected = (rgb / 255 - np.array(IMAGENET_MEAN)) / np.array(IMAGENET_STD)
    assert frame.dtype == torch.float32
    assert np.allclose(frame[0].permute(1, 2, 0).numpy(), expected, atol=1e-5)


def test_bgr_turns_the_channels_before_the_normalisation():
    rgb = _picture()
    frame = Preprocessing(scale=1.0, mean=(1.0, 2.0, 3.0), channels="bgr")(rgb)
    assert np.allclose(frame[0, 0].numpy(), rgb[..., 2] - 1.0)


def test_resizing_keeps_still_what_is_still():
    first = _picture(90, 120)
    second = first.copy()
    second[40:50, 60:70] = 0
    shrink = Preprocessing(size=(45, 60))
    changed = (shrink(first) != shrink(second)).any(dim=1)[0]
    assert changed.any()
    assert not changed[:15].any()
    assert not changed[:, :25].any()


@pytest.mark.parametrize("letterbox", [True, False])
def test_the_frame_has_the_size_asked_for(letterbox):
    frame = Preprocessing(size=(32, 32), letterbox=letterbox)(_picture(9, 30))
    assert frame.shape == (1, 3, 32, 32)
    assert torch.allclose(frame[0, :, 0, 0], torch.tensor(114 / 255)) == letterbox


def test_the_picture_is_not_changed():
    rgb = _picture()
    rgb.flags.writeable = False
    Preprocessing()(rgb).zero_()
    assert rgb.any()


@pytest.mark.parametrize("letterbox", [False, True])
def test_boxes_in_the_frame_are_found_again_in_the_picture(letterbox):
    picture = np.zeros((60, 90, 3), dtype=np.uint8)
    picture[20:40, 30:75] = 255
    preprocessing = Preprocessing(size=(128, 96), letterbox=letterbox)
    bright = preprocessing(picture)[0, 0] > 0.75
    rows, columns = bright.any(1).nonzero()[:, 0], bright.any(0).nonzero()[:, 0]
    frame_box = torch.tensor([[columns[0], rows[0], columns[-1] + 1, rows[-1] + 1]])
    (box,) = preprocessing.in_picture(frame_box, (128, 96), (60, 90)).tolist()
    assert box == pytest.approx([30, 20, 75, 40], abs=1.5)


@pytest.mark.parametrize("letterbox", [False, True])
def test_a_frame_that_does_not_fit_into_memory_is_refused_by_its_size(letterbox):
    with pytest.raises(FrameError, match=r"20000000x20000000 pixels could not be made.*choose a smaller --size"):
        Preprocessing(size=(20_000_000, 20_000_000), letterbox=letterbox)(_picture())
