"""ImageNet's folders and archives."""

from __future__ import annotations

import hashlib
import io
import tarfile
from pathlib import Path

import numpy as np
import pytest
import torchvision.datasets.imagenet as official
from PIL import Image
from scipy.io import savemat

from saccade.errors import DataError
from saccade.training import data_sets
from saccade.training.data.imagenet import ARCHIVES, DEVKIT, prepare

NUMBERS = ("n01440764", "n01443537")


def add(archive: tarfile.TarFile, name: str, content: bytes) -> None:
    information = tarfile.TarInfo(name)
    information.size = len(content)
    archive.addfile(information, io.BytesIO(content))


def jpeg(value: int) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (30, 20), (value, value, value)).save(file, "JPEG")
    return file.getvalue()


@pytest.fixture
def archives(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Returns a folder with archives like the official ones, of two classes, and tells torchvision their checksums."""
    with tarfile.open(tmp_path / DEVKIT, "w:gz") as archive:
        fields = [("ILSVRC2012_ID", "i4"), ("WNID", "O"), ("words", "O"), ("gloss", "O"), ("num_children", "i4")]
        rows = [(index, number, "a name, another", "", 0) for index, number in enumerate(NUMBERS, 1)]
        file = io.BytesIO()
        savemat(file, {"synsets": np.array(rows, dtype=fields)})
        add(archive, "ILSVRC2012_devkit_t12/data/meta.mat", file.getvalue())
        add(archive, "ILSVRC2012_devkit_t12/data/ILSVRC2012_validation_ground_truth.txt", b"2\n1\n2\n")
    with tarfile.open(tmp_path / ARCHIVES["train"], "w") as archive:
        for number in NUMBERS:
            inner = io.BytesIO()
            with tarfile.open(fileobj=inner, mode="w") as content:
                add(content, f"{number}_1.JPEG", jpeg(10))
            add(archive, f"{number}.tar", inner.getvalue())
    with tarfile.open(tmp_path / ARCHIVES["val"], "w") as archive:
        for index in range(3):
            add(archive, f"ILSVRC2012_val_{index + 1:08}.JPEG", jpeg(index))
    sums = {
        key: (name, hashlib.md5((tmp_path / name).read_bytes()).hexdigest())
        for key, name in (("train", ARCHIVES["train"]), ("val", ARCHIVES["val"]), ("devkit", DEVKIT))
    }
    monkeypatch.setattr(official, "ARCHIVE_META", sums)
    return tmp_path


@pytest.mark.filterwarnings("ignore:Python 3.14 will:DeprecationWarning")
def test_the_official_archives_are_unpacked_by_torchvision(archives: Path) -> None:
    prepare(archives)
    training, test = (data_sets.get("imagenet").images(archives, split) for split in ("train", "test"))
    assert training.classes == test.classes == NUMBERS
    assert training.labels == (0, 1)
    assert test.labels == (0, 1, 1)
    prepare(archives)  # and not once more


def test_folders_are_taken_as_they_are(photographs: Path) -> None:
    listing = data_sets.get("imagenet").images(photographs, "test")
    assert len(listing.files) == 9
    assert listing.files[0].parent.parent.name == "val"


def test_an_archive_without_the_devkit_is_told(archives: Path) -> None:
    (archives / DEVKIT).unlink()
    with pytest.raises(DataError, match=DEVKIT):
        prepare(archives)


def test_a_damaged_archive_is_told(archives: Path) -> None:
    (archives / ARCHIVES["train"]).write_bytes(b"nothing")
    with pytest.raises(DataError, match="cannot be unpacked"):
        prepare(archives)


@pytest.mark.filterwarnings("ignore:Python 3.14 will:DeprecationWarning")
def test_an_archive_that_breaks_within_leaves_nothing(archives: Path) -> None:
    path = archives / ARCHIVES["train"]
    with tarfile.open(path, "w") as archive:
        add(archive, f"{NUMBERS[0]}.tar", b"nothing")
    official.ARCHIVE_META["train"] = (path.name, hashlib.md5(path.read_bytes()).hexdigest())
    before = sorted(archives.iterdir())
    with pytest.raises(DataError, match="cannot be unpacked"):
        prepare(archives)
    assert sorted(archives.iterdir()) == before


def test_nothing_there_is_told_with_where_to_get_it(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"train/WNID.*image-net\.org"):
        data_sets.get("imagenet").images(tmp_path, "train")
    with pytest.raises(DataError, match="without an account"):
        prepare(tmp_path, download=True)
