"""MNIST as it lies on disk, whole, in part, damaged or not at all."""

from __future__ import annotations

import gzip
import os
import struct
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from saccade.errors import DataError, MissingPackageError
from saccade.experiments.spatial_attention.digits import load_digits


def _write(folder: Path, split: str, count: int, packed: bool = True) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(count)
    images = random.integers(0, 256, (count, 28, 28), dtype=np.uint8)
    labels = random.integers(0, 10, count, dtype=np.uint8)
    for name, content in (
        (f"{split}-images-idx3-ubyte", struct.pack(">4I", 2051, count, 28, 28) + images.tobytes()),
        (f"{split}-labels-idx1-ubyte", struct.pack(">2I", 2049, count) + labels.tobytes()),
    ):
        (folder / (name + ".gz" * packed)).write_bytes(gzip.compress(content) if packed else content)
    return images, labels


def test_test_digits_alone_are_split_and_it_is_said(tmp_path):
    images, labels = _write(tmp_path, "t10k", 2100)
    found = load_digits(tmp_path)
    assert (len(found.train_images), len(found.test_images)) == (100, 2000)
    assert "test digits only" in found.source
    torch.testing.assert_close(found.train_images, torch.from_numpy(images[:100]).float() / 127.5 - 1)
    assert found.test_labels.tolist() == labels[100:].tolist()
    assert found.train_images.min() == -1
    assert found.train_images.max() == 1


@pytest.mark.parametrize("inner", ["", "MNIST/raw"])
def test_all_digits_are_taken_where_they_are_there_packed_or_not(tmp_path, inner):
    folder = tmp_path / inner
    folder.mkdir(parents=True, exist_ok=True)
    _, labels = _write(folder, "train", 50, packed=not inner)
    _write(folder, "t10k", 2001, packed=not inner)
    found = load_digits(tmp_path)
    assert (len(found.train_images), len(found.test_images)) == (50, 2001)
    assert found.train_labels.tolist() == labels.tolist()


def test_without_any_mnist_the_small_digits_are_taken_and_it_is_said(tmp_path):
    for folder in (None, tmp_path):
        found = load_digits(folder)
        assert len(found.train_images) + len(found.test_images) == 1797
        assert "scikit-learn" in found.source
        assert found.test_images.shape[1:] == (28, 28)
        assert found.test_images.amin() >= -1
        assert found.test_images.amax() <= 1
        assert (found.test_images[:, :4] == -1).all(), "a border as wide as MNIST's"


def test_a_download_that_fails_falls_back_and_it_is_said(tmp_path, monkeypatch):
    import torchvision

    def fail(folder: str, download: bool) -> None:
        raise RuntimeError("no network")

    monkeypatch.setattr(torchvision.datasets, "MNIST", fail)
    assert "could not be downloaded (no network)" in load_digits(tmp_path, download=True).source


def test_small_digits_without_scikit_learn_name_the_extra(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    with pytest.raises(MissingPackageError, match=r"saccade\[experiments\]"):
        load_digits(tmp_path)


def _remove(folder: Path) -> None:
    (folder / "t10k-labels-idx1-ubyte.gz").unlink()


def _cut(folder: Path) -> None:
    path = folder / "t10k-images-idx3-ubyte.gz"
    path.write_bytes(path.read_bytes()[:5000])


def _scramble(folder: Path) -> None:
    (folder / "t10k-images-idx3-ubyte.gz").write_bytes(b"\x1f\x8b" + bytes(300))


def _not_packed(folder: Path) -> None:
    (folder / "t10k-images-idx3-ubyte.gz").write_bytes(b"<html>not found</html>")


def _empty(folder: Path) -> None:
    (folder / "t10k-images-idx3-ubyte.gz").write_bytes(b"")


def _wrong_kind(folder: Path) -> None:
    labels = (folder / "t10k-labels-idx1-ubyte.gz").read_bytes()
    (folder / "t10k-images-idx3-ubyte.gz").write_bytes(labels)


def _short(folder: Path) -> None:
    content = struct.pack(">4I", 2051, 2100, 28, 28) + bytes(784 * 2099)
    (folder / "t10k-images-idx3-ubyte.gz").write_bytes(gzip.compress(content))


def _fewer_labels(folder: Path) -> None:
    content = struct.pack(">2I", 2049, 2099) + bytes(2099)
    (folder / "t10k-labels-idx1-ubyte.gz").write_bytes(gzip.compress(content))


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        (_remove, "only one of two files"),
        (_cut, "is damaged"),
        (_scramble, "is damaged"),
        (_not_packed, "is damaged"),
        (_empty, "damaged|not an MNIST file"),
        (_wrong_kind, "not an MNIST file"),
        (_short, "cut short or damaged"),
        (_fewer_labels, "2099 labels"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_a_missing_or_damaged_file_is_a_clear_error(tmp_path, damage, told):
    _write(tmp_path, "t10k", 2100)
    damage(tmp_path)
    with pytest.raises(DataError, match=told):
        load_digits(tmp_path)


def test_a_folder_that_does_not_exist_is_an_error(tmp_path):
    with pytest.raises(DataError, match="no folder"):
        load_digits(tmp_path / "nowhere")


def test_training_digits_without_test_digits_are_an_error(tmp_path):
    _write(tmp_path, "train", 20)
    with pytest.raises(DataError, match="not its test digits"):
        load_digits(tmp_path)


@pytest.mark.skipif("SACCADE_DATA" not in os.environ, reason="SACCADE_DATA does not name the folder with MNIST")
def test_the_real_test_digits_are_read():
    found = load_digits(Path(os.environ["SACCADE_DATA"]) / "data" / "mnist")
    assert (len(found.train_images), len(found.test_images)) == (8000, 2000)
    counts = torch.bincount(torch.cat([found.train_labels, found.test_labels]))
    assert counts.tolist() == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
    assert found.train_images[0].mean() < -0.5, "a white digit on black"
