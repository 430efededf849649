"""Folders of images and the batches made of them."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from saccade.errors import DataError
from saccade.training import Batches, Recipe, load_images
from saccade.training.batches import crop, normalised


def test_the_cache_holds_what_the_files_hold(folder: Path, tmp_path: Path) -> None:
    read: list[tuple[int, int]] = []
    images = load_images(folder, "train", 8, tmp_path, lambda done, total: read.append((done, total)))
    assert read[-1] == (36, 36)
    assert images.classes == ("blue", "green", "red")
    assert images.labels.tolist() == [0] * 12 + [1] * 12 + [2] * 12
    with Image.open(folder / "train" / "green" / "0.png") as picture:
        assert np.array_equal(images.pixels[12], np.asarray(picture))


def test_a_second_call_decodes_nothing_and_a_changed_file_is_read_anew(folder: Path, tmp_path: Path) -> None:
    data = tmp_path / "data"
    for name in ("a", "b"):
        (data / "train" / name).mkdir(parents=True)
        Image.new("RGB", (8, 8), "red").save(data / "train" / name / "0.png")
    load_images(data, "train", 8)
    calls: list[int] = []
    load_images(data, "train", 8, progress=lambda done, total: calls.append(done))
    assert not calls
    Image.new("RGB", (9, 9), "blue").save(data / "train" / "b" / "0.png")
    images = load_images(data, "train", 8)
    assert images.pixels[1, 0, 0].tolist() == [0, 0, 255]


def test_a_missing_folder_is_told_with_where_it_was_looked_for(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no images at .*train.*--data"):
        load_images(tmp_path, "train", 8)


def test_one_class_alone_is_refused(tmp_path: Path) -> None:
    (tmp_path / "train" / "only").mkdir(parents=True)
    with pytest.raises(DataError, match="at least 2"):
        load_images(tmp_path, "train", 8)


def test_a_file_that_is_no_image_is_named(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / "train" / name).mkdir(parents=True)
        (tmp_path / "train" / name / "0.png").write_bytes(b"not an image")
    with pytest.raises(DataError, match=r"0\.png.*not an image"):
        load_images(tmp_path, "train", 8)
    assert not list(tmp_path.rglob("*.npy*"))


def test_crops_are_windows_of_the_padded_image() -> None:
    pixels = torch.randint(0, 255, (3, 5, 6, 3), dtype=torch.uint8)
    tops, lefts = torch.tensor([0, 2, 4]), torch.tensor([4, 2, 1])
    cropped = crop(pixels, 2, tops, lefts)
    padded = np.pad(pixels.numpy(), ((0, 0), (2, 2), (2, 2), (0, 0)))
    for index, (top, left) in enumerate(zip(tops.tolist(), lefts.tolist(), strict=True)):
        assert np.array_equal(cropped[index].numpy(), padded[index, top : top + 5, left : left + 6])


def test_normalised_images_have_the_mean_taken_off(recipe: Recipe) -> None:
    pixels = torch.randint(0, 255, (2, 8, 8, 3), dtype=torch.uint8)
    expected = (pixels.double() / 255 - torch.tensor(recipe.mean)) / torch.tensor(recipe.std)
    torch.testing.assert_close(normalised(pixels, recipe).double(), expected.permute(0, 3, 1, 2), rtol=0, atol=1e-5)


def test_an_epoch_sees_every_image_at_most_once_and_epochs_differ(folder: Path, tmp_path: Path, recipe: Recipe) -> None:
    images = load_images(folder, "train", 8, tmp_path)
    plain = Batches(images, recipe.replace(crop_padding=0, flip=False))
    epochs = [torch.cat([plain.at(epoch * plain.per_epoch + step)[0] for step in range(4)]) for epoch in range(2)]
    assert len(torch.unique(epochs[0].flatten(1), dim=0)) == 32
    assert not torch.equal(epochs[0], epochs[1])


def test_a_batch_depends_on_the_step_alone_and_processes_share_it(folder: Path, tmp_path: Path, recipe: Recipe) -> None:
    images = load_images(folder, "train", 8, tmp_path)
    whole, labels = Batches(images, recipe).at(6)
    parts = [Batches(images, recipe, rank, 2).at(6) for rank in range(2)]
    for rank, (part, own) in enumerate(parts):
        assert torch.equal(part, whole[rank::2])
        assert torch.equal(own, labels[rank::2])
    assert not torch.equal(Batches(images, recipe.replace(seed=1)).at(6)[0], whole)
