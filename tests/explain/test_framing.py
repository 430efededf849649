"""What the network sees of a photograph."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image
from torchvision.transforms import functional as transforms

from saccade.errors import ExplanationError
from saccade.explain import Framing


def test_the_usual_crop_of_imagenet_is_the_default() -> None:
    grid = np.add.outer(np.linspace(0, 120, 300), np.linspace(0, 120, 400))
    picture = np.repeat(grid[..., None], 3, axis=2).astype(np.uint8)
    resized = transforms.resize(Image.fromarray(picture), 256)
    expected = np.asarray(transforms.center_crop(resized, 224), dtype=float)
    assert np.abs(Framing().picture(picture).astype(float) - expected).max() <= 1.5


@pytest.mark.parametrize(
    ("framing", "part"),
    [
        (Framing((10, 10), "crop", 1), (50, 0, 150, 100)),
        (Framing((10, 10), "crop", 0.5), (75, 25, 125, 75)),
        (Framing((10, 40), "crop", 1), (0, 25, 200, 75)),
        (Framing((10, 10), "stretch", 0.5), (0, 0, 200, 100)),
    ],
)
def test_the_part_of_a_wide_photograph_is_in_its_middle(framing, part) -> None:
    assert framing.part(100, 200) == part


@pytest.mark.parametrize("fit", ["crop", "stretch"])
def test_a_mask_stays_on_what_it_was_drawn_on(fit) -> None:
    picture = np.zeros((120, 200, 3), dtype=np.uint8)
    mask = np.zeros((120, 200), dtype=bool)
    mask[40:80, 80:140] = True
    picture[mask] = 255
    framing = Framing((48, 48), fit)
    bright = framing.picture(picture)[..., 0] >= 128
    assert 0 < bright.mean() < 1
    np.testing.assert_array_equal(framing.region(mask), bright)


def test_a_region_outside_the_crop_is_cut_away() -> None:
    mask = np.zeros((100, 200), dtype=bool)
    mask[:, :40] = True
    assert not Framing((32, 32)).region(mask).any()


def test_an_enlarged_framing_shows_the_same_part() -> None:
    small = Framing((32, 24), "crop", 0.9)
    large = small.enlarged(100)
    assert large.size == (160, 120)
    assert large.part(77, 91) == pytest.approx(small.part(77, 91))
    assert Framing((224, 224)).enlarged(100).size == (224, 224)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"size": (0, 5)}, r"size is \(0, 5\)"),
        ({"fit": "pad"}, "fit is 'pad'; expected 'crop' or 'stretch'"),
        ({"share": 0}, "share is 0; expected the part of the sides"),
        ({"share": 1.1}, "share is 1.1"),
    ],
)
def test_a_framing_that_is_none_is_an_error(options, told) -> None:
    with pytest.raises(ExplanationError, match=told):
        Framing(**options)
