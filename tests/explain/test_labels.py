"""Classes and boxes from a JSON file."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from saccade.errors import RegionError
from saccade.explain import read_labels


@pytest.fixture
def write(tmp_path):
    """Returns a function that writes what is given, text or entries, as a file of labels."""

    def write(content) -> Path:
        path = tmp_path / "labels.json"
        path.write_text(content if isinstance(content, str) else json.dumps({"images": content}))
        return path

    return write


def test_classes_and_boxes_are_found_by_the_file_name(write) -> None:
    labels = read_labels(write([{"image": "cat.jpg", "class": "tabby", "boxes": []}, {"image": "dog.jpg", "class": 7}]))
    cat, dog = labels.of(Path("some/where/cat.jpg")), labels.of(Path("dog.jpg"))
    assert (cat.category, dog.category) == ("tabby", 7)
    assert not cat.region((4, 5)).any()
    assert dog.region((4, 5)) is None


def test_a_region_is_the_union_of_the_boxes(write) -> None:
    boxes = [[0, 0, 2, 3], [1.4, 2.6, 3.6, 4.4]]
    region = read_labels(write([{"image": "cat.jpg", "boxes": boxes}])).of(Path("cat.jpg")).region((6, 5))
    expected = np.zeros((6, 5), dtype=bool)
    expected[0:3, 0:2] = True
    # Pixel centres between 1.4 and 3.6 across, 2.6 and 4.4 down.
    expected[3:4, 1:4] = True
    np.testing.assert_array_equal(region, expected)


def test_a_box_that_ends_a_pixel_beyond_the_image_is_cut(write) -> None:
    region = read_labels(write([{"image": "a.png", "boxes": [[-1, 0, 6, 5]]}])).of(Path("a.png")).region((5, 5))
    assert region.all()


def test_a_box_beyond_the_image_is_an_error(write) -> None:
    label = read_labels(write([{"image": "a.png", "boxes": [[0, 0, 5, 9]]}])).of(Path("a.png"))
    with pytest.raises(RegionError, match=r"box \[0.0, 0.0, 5.0, 9.0\] of 'a.png' reaches beyond the image.* 5 x 5"):
        label.region((5, 5))


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("", "Invalid JSON"),
        ("[1, 2]", "Input should be an object"),
        ([{"class": 3}], "images.0.image: Field required"),
        ([{"image": "a.png", "boxes": [[1, 2, 3]]}], "images.0.boxes.0.3: Field required"),
        (
            [{"image": "a.png", "boxes": [[3, 0, 1, 2]]}],
            r"expected left < right and top < bottom.*\[3.0, 0.0, 1.0, 2.0\]",
        ),
        ([{"image": "a.png", "boxes": [[0, 0, "wide", 2]]}], "images.0.boxes.0.2: .*valid number"),
        ([{"image": "a.png", "boxs": []}], "images.0.boxs: Extra inputs are not permitted"),
        ([{"image": "a.png"}, {"image": "a.png"}], "a.png is listed more than once"),
    ],
)
def test_a_file_that_does_not_hold_labels_is_an_error_that_says_where(write, content, told) -> None:
    with pytest.raises(RegionError, match=told) as raised:
        read_labels(write(content))
    assert '{"images": [{"image": NAME' in str(raised.value)


def test_a_missing_file_is_an_error(tmp_path) -> None:
    with pytest.raises(RegionError, match="no file at"):
        read_labels(tmp_path / "nowhere.json")


def test_a_file_that_is_no_text_is_an_error(tmp_path) -> None:
    path = tmp_path / "labels.json"
    path.write_bytes(b"\xff\xfe\x00\x9f")
    with pytest.raises(RegionError, match="cannot be read"):
        read_labels(path)


def test_an_image_that_is_not_listed_is_an_error(write) -> None:
    labels = read_labels(write([{"image": f"{number}.png"} for number in range(7)]))
    with pytest.raises(RegionError, match=r"no entry of 'cat.jpg' among the labels; they know 0.png, .*4.png, \.\.\."):
        labels.of(Path("cat.jpg"))
