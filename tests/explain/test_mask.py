"""Regions from masks."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from saccade.errors import RegionError
from saccade.explain import find_mask, read_mask

MASK = np.zeros((6, 9), dtype=bool)
MASK[2:4, 3:8] = True


@pytest.mark.parametrize("value", [1, 255])
def test_every_pixel_that_is_not_zero_counts(save, value) -> None:
    path = save((MASK * value).astype(np.uint8), "mask.png")
    np.testing.assert_array_equal(read_mask(path, (6, 9)), MASK)


def test_grey_of_16_bits_counts_below_256(save) -> None:
    np.testing.assert_array_equal(read_mask(save(MASK.astype(np.uint16) * 3, "mask.png"), (6, 9)), MASK)


def test_black_and_white_counts(save) -> None:
    np.testing.assert_array_equal(read_mask(save(MASK, "mask.png"), (6, 9)), MASK)


def test_of_a_palette_the_indices_count(tmp_path) -> None:
    image = Image.fromarray(MASK.astype(np.uint8), "P")
    image.putpalette([255, 255, 255, 0, 0, 0])  # index 0 is white, index 1 black
    image.save(tmp_path / "mask.png")
    np.testing.assert_array_equal(read_mask(tmp_path / "mask.png", (6, 9)), MASK)


@pytest.mark.parametrize("channels", [3, 4])
def test_of_colours_all_but_black_counts(save, channels) -> None:
    colours = np.zeros((6, 9, channels), dtype=np.uint8)
    colours[MASK, 2] = 7
    colours[..., 3:] = 255
    np.testing.assert_array_equal(read_mask(save(colours, "mask.png"), (6, 9)), MASK)


def test_a_mask_of_another_size_is_an_error(save) -> None:
    path = save(MASK.astype(np.uint8), "mask.png")
    with pytest.raises(RegionError, match=r"is 6 x 9 \(height x width\), but its image is 9 x 6; draw the mask"):
        read_mask(path, (9, 6))


def test_a_mask_that_is_no_image_is_an_error(tmp_path) -> None:
    path = tmp_path / "mask.png"
    path.write_text("{}")
    with pytest.raises(RegionError, match="not an image that can be read"):
        read_mask(path, (6, 9))


def test_a_mask_is_found_by_the_name_of_its_image(save, tmp_path) -> None:
    path = save(MASK.astype(np.uint8), "cat.png")
    assert find_mask(tmp_path, tmp_path / "elsewhere" / "cat.jpg") == path


def test_a_mask_that_is_not_there_is_an_error(tmp_path) -> None:
    with pytest.raises(RegionError, match=r"no mask of 'dog.jpg' in .*; expected dog.png"):
        find_mask(tmp_path, tmp_path.__class__("dog.jpg"))
