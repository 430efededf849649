"""Stanford Dogs from archives like the official ones."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy.io import savemat

from saccade.errors import DataError
from saccade.training import data_sets
from saccade.training.data.stanford_dogs import prepare, stanford_dogs

BREEDS = ("n02085620-Chihuahua", "n02085782-Japanese_spaniel", "n02085936-Maltese_dog")


def list_of(names: list[str], labels: list[int]) -> dict[str, np.ndarray]:
    """Returns the content of a list as the official ones have it: cells of one text each, and a column of numbers."""
    cells = np.empty((len(names), 1), dtype=object)
    cells[:, 0] = names
    return {"file_list": cells, "labels": np.array(labels, dtype=np.uint8)[:, None]}


def add(archive: tarfile.TarFile, name: str, content: bytes) -> None:
    information = tarfile.TarInfo(name)
    information.size = len(content)
    archive.addfile(information, io.BytesIO(content))


@pytest.fixture
def archives(tmp_path: Path, unpacking: None) -> Path:
    random = np.random.default_rng(0)
    names = {split: [f"{breed}/{breed[:9]}_{split}{index}.jpg" for breed in BREEDS for index in range(count)]
             for split, count in (("train", 3), ("test", 2))}  # fmt: skip
    with tarfile.open(tmp_path / "images.tar", "w") as archive:
        for name in names["train"] + names["test"]:
            file = io.BytesIO()
            Image.fromarray(random.integers(0, 255, (40, 50, 3), dtype=np.uint8)).save(file, "JPEG")
            add(archive, f"Images/{name}", file.getvalue())
    with tarfile.open(tmp_path / "lists.tar", "w") as archive:
        for split, count in (("train", 3), ("test", 2)):
            file = io.BytesIO()
            savemat(file, list_of(names[split], [label for label in (1, 2, 3) for _ in range(count)]))
            add(archive, f"{split}_list.mat", file.getvalue())
    with tarfile.open(tmp_path / "annotation.tar", "w") as archive:
        box = b"<bndbox><xmin>5</xmin><ymin>6</ymin><xmax>27</xmax><ymax>28</ymax></bndbox>"
        for name in names["train"] + names["test"]:
            add(
                archive,
                f"Annotation/{name.removesuffix('.jpg')}",
                b"<annotation><object>" + box + b"</object></annotation>",
            )
    return tmp_path


def test_the_official_archives_give_the_official_split(archives: Path) -> None:
    prepare(archives)
    training, test = (data_sets.get("stanford-dogs").images(archives, split) for split in ("train", "test"))
    assert training.classes == test.classes == ("Chihuahua", "Japanese_spaniel", "Maltese_dog")
    assert training.labels == (0, 0, 0, 1, 1, 1, 2, 2, 2)
    assert test.labels == (0, 0, 1, 1, 2, 2)
    assert not set(training.files) & set(test.files)
    assert all(path.is_file() for path in training.files + test.files)


def test_boxes_are_those_of_the_annotations_and_images_are_cropped_to_them(archives: Path) -> None:
    from saccade.training import Recipe
    from saccade.training.file_images import FileImages

    prepare(archives)
    listing = stanford_dogs(archives, "test", boxes=True)
    assert listing.boxes == ((5, 6, 27, 28),) * 6
    images = FileImages.of(listing, Recipe("dogs", loading="files", image_size=22, shorter_side=22))
    with Image.open(listing.files[0]) as picture:
        expected = np.asarray(picture)[6:28, 5:27]
    assert np.array_equal(images.middle(0).numpy(), expected)


def test_without_archives_the_message_says_where_to_get_them(tmp_path: Path) -> None:
    prepare(tmp_path)
    with pytest.raises(DataError, match=r"train_list\.mat.*images\.tar.*--download"):
        stanford_dogs(tmp_path, "train")


def test_a_download_fetches_images_and_lists_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    monkeypatch.setattr("saccade.training.data.stanford_dogs.fetch", lambda url, *rest: asked.append(url))
    prepare(tmp_path)
    assert not asked
    prepare(tmp_path, download=True)
    assert [url.rpartition("/")[2] for url in asked] == ["images.tar", "lists.tar"]


def test_lists_that_are_damaged_or_lead_elsewhere_are_refused(archives: Path) -> None:
    prepare(archives)
    savemat(archives / "train_list.mat", list_of(["../../secret.jpg", "a/b.jpg"], [1, 2]))
    with pytest.raises(DataError, match=r"secret\.jpg"):
        stanford_dogs(archives, "train")
    (archives / "train_list.mat").write_bytes(b"nothing")
    with pytest.raises(DataError, match=r"not the list of lists\.tar"):
        stanford_dogs(archives, "train")


def test_a_listed_image_that_is_not_there_is_named(archives: Path) -> None:
    prepare(archives)
    gone = stanford_dogs(archives, "test").files[3]
    gone.unlink()
    with pytest.raises(DataError, match=gone.name):
        stanford_dogs(archives, "test")
