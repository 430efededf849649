"""Reading photographs as a viewer shows them."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from saccade.errors import PhotographError
from saccade.explain import read_photograph

RGB = np.random.default_rng(0).integers(0, 255, (12, 20, 3), dtype=np.uint8)


def test_a_photograph_is_read_as_rgb(save) -> None:
    np.testing.assert_array_equal(read_photograph(save(RGB)), RGB)


@pytest.mark.parametrize("mode", ["L", "P", "1", "CMYK", "LA"])
def test_other_modes_become_rgb(save, mode) -> None:
    path = save(RGB, "photograph.tif", mode)
    expected = np.asarray(Image.fromarray(RGB).convert(mode).convert("RGB"))
    np.testing.assert_array_equal(read_photograph(path), expected)


def test_a_rotation_noted_by_the_camera_is_carried_out(save) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # turn by 90 degrees clockwise
    path = save(RGB, exif=exif)
    np.testing.assert_array_equal(read_photograph(path), np.rot90(RGB, -1))


def test_transparent_places_become_white(save) -> None:
    alpha = np.full((12, 20, 1), 255, dtype=np.uint8)
    alpha[:4] = 0
    shown = read_photograph(save(np.concatenate([RGB, alpha], axis=2)))
    assert (shown[:4] == 255).all()
    np.testing.assert_array_equal(shown[4:], RGB[4:])


def test_grey_of_16_bits_keeps_its_shades(save) -> None:
    grey = np.linspace(0, 65535, 240, dtype=np.uint16).reshape(12, 20)
    np.testing.assert_array_equal(read_photograph(save(grey)), np.repeat((grey >> 8)[..., None], 3, axis=2))


def test_numbers_of_32_bits_are_an_error(save) -> None:
    with pytest.raises(PhotographError, match="holds numbers of 32 bits"):
        read_photograph(save(np.ones((4, 4), dtype=np.float32), "numbers.tif"))


def test_a_missing_file_is_an_error(tmp_path) -> None:
    with pytest.raises(PhotographError, match=r"no file at '.*nowhere.png'; check the path"):
        read_photograph(tmp_path / "nowhere.png")


def test_a_folder_is_an_error(tmp_path) -> None:
    with pytest.raises(PhotographError, match="is a folder; expected an image file"):
        read_photograph(tmp_path)


@pytest.mark.parametrize("content", [b"", b"not an image at all"])
def test_a_file_that_is_no_image_is_an_error(tmp_path, content) -> None:
    path = tmp_path / "text.png"
    path.write_bytes(content)
    with pytest.raises(PhotographError, match="is not an image that can be read"):
        read_photograph(path)


def test_an_image_that_was_broken_off_is_an_error(save) -> None:
    path = save(np.random.default_rng(0).integers(0, 255, (200, 200, 3), dtype=np.uint8))
    path.write_bytes(path.read_bytes()[:5000])
    with pytest.raises(PhotographError, match=r"cannot be read: .*truncated"):
        read_photograph(path)


def test_an_image_that_is_too_large_to_be_one_is_an_error(save, monkeypatch) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    with pytest.raises(PhotographError, match=r"cannot be read: .*exceeds limit"):
        read_photograph(save(RGB))
