"""CIFAR-100 in its official archive and in class folders."""

from __future__ import annotations

import hashlib
import pickle
import tarfile
from pathlib import Path

import numpy as np
import pytest
from torchvision.datasets import CIFAR100

from saccade.errors import DataError, RecipeError
from saccade.training import Recipe, data_sets
from saccade.training.data.cifar100 import prepare
from saccade.training.tasks import tasks

CLASSES = ("apple", "bear", "cup")


@pytest.fixture
def official(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, unpacking: None) -> Path:
    """Returns a folder with an archive like the official one, of three classes, and tells torchvision its checksums."""
    inside = tmp_path / "making" / CIFAR100.base_folder
    inside.mkdir(parents=True)
    random = np.random.default_rng(0)
    lists = {"train": [], "test": []}
    for split, count in (("train", 9), ("test", 6)):
        content = {"data": random.integers(0, 255, (count, 3072), dtype=np.uint8),
                   "fine_labels": [index % 3 for index in range(count)]}  # fmt: skip
        (inside / split).write_bytes(pickle.dumps(content))
        lists[split] = [[split, hashlib.md5((inside / split).read_bytes()).hexdigest()]]
    (inside / "meta").write_bytes(pickle.dumps({"fine_label_names": list(CLASSES)}))
    meta = dict(CIFAR100.meta, md5=hashlib.md5((inside / "meta").read_bytes()).hexdigest())
    monkeypatch.setattr(CIFAR100, "train_list", lists["train"])
    monkeypatch.setattr(CIFAR100, "test_list", lists["test"])
    monkeypatch.setattr(CIFAR100, "meta", meta)
    folder = tmp_path / "data"
    folder.mkdir()
    with tarfile.open(folder / CIFAR100.filename, "w:gz") as archive:
        archive.add(inside, CIFAR100.base_folder)
    return folder


def test_the_official_archive_is_unpacked_and_read_by_torchvision(official: Path) -> None:
    prepare(official)
    recipe = Recipe("tiny", data="cifar100", classes=3, batch=4)
    training, test = tasks.get("classification").load(recipe, official, None, None)
    assert training.classes == CLASSES
    assert training.labels.tolist() == [0, 1, 2] * 3
    assert len(test) == 6
    pixels = pickle.loads((official / CIFAR100.base_folder / "train").read_bytes())["data"]
    assert np.array_equal(training.pixels[4], pixels[4].reshape(3, 32, 32).transpose(1, 2, 0))


def test_another_size_is_refused(official: Path) -> None:
    prepare(official)
    recipe = Recipe("tiny", data="cifar100", classes=3, batch=4, image_size=64)
    with pytest.raises(RecipeError, match="image_size=32"):
        tasks.get("classification").load(recipe, official, None, None)


def test_damage_is_told(official: Path) -> None:
    prepare(official)
    (official / CIFAR100.base_folder / "train").write_bytes(b"")
    with pytest.raises(DataError, match="damaged"):
        data_sets.get("cifar100").images(official, "train")


def test_class_folders_are_taken_where_they_are(folder: Path) -> None:
    prepare(folder)
    assert data_sets.get("cifar100").images(folder, "test").classes == ("blue", "green", "red")


def test_without_either_the_message_names_both_and_the_download(tmp_path: Path) -> None:
    prepare(tmp_path)
    with pytest.raises(DataError, match=r"cifar-100-python\.tar\.gz.*--download"):
        data_sets.get("cifar100").images(tmp_path, "train")
