"""Batches of large images, made by worker processes."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from PIL import Image
from torch.utils.data import default_collate

from saccade.errors import DataError
from saccade.training import Recipe, data_sets, worker_batches
from saccade.training.file_images import FileImages
from saccade.training.worker_batches import WorkerBatches


@pytest.fixture
def large(recipe: Recipe) -> Recipe:
    return recipe.replace(loading="files", image_size=24, shorter_side=32, batch=4, workers=0)


@pytest.fixture
def images(photographs: Path, large: Recipe) -> FileImages:
    return FileImages.of(data_sets.get("image-folder").images(photographs, "train"), large)


@pytest.fixture
def two_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker_batches, "available_cores", lambda: 2)


def batches(images: FileImages, recipe: Recipe, rank: int = 0, processes: int = 1) -> WorkerBatches:
    return WorkerBatches(images, recipe, default_collate, rank, processes)


@pytest.mark.usefixtures("two_cores")
@pytest.mark.filterwarnings("ignore:This DataLoader will create")
def test_any_number_of_workers_gives_the_same_batches(images: FileImages, large: Recipe) -> None:
    alone, helped = (batches(images, large.replace(workers=count)) for count in (0, 2))
    for step in range(6):
        (pixels, labels), (others, their_labels) = alone.at(step), helped.at(step)
        assert torch.equal(pixels, others)
        assert torch.equal(labels, their_labels)
        assert pixels.shape == (4, 24, 24, 3)
        assert pixels.dtype == torch.uint8


def test_a_batch_depends_on_the_step_alone_and_processes_share_it(images: FileImages, large: Recipe) -> None:
    through = batches(images, large)
    every = [through.at(step) for step in range(7)]
    pixels, labels = batches(images, large).at(6)
    assert torch.equal(pixels, every[6][0])
    assert torch.equal(through.at(2)[0], every[2][0])
    for rank in range(2):
        part, own = batches(images, large, rank, 2).at(6)
        assert torch.equal(part, pixels[rank::2])
        assert torch.equal(own, labels[rank::2])
    assert not torch.equal(batches(images, large.replace(seed=1)).at(6)[0], pixels)


def test_an_image_looks_different_in_every_epoch_and_the_runs_random_numbers_stay(
    images: FileImages, large: Recipe
) -> None:
    made = batches(images, large.replace(batch=18))
    state = torch.get_rng_state()
    first, second = made.at(0), made.at(1)
    assert torch.equal(torch.get_rng_state(), state)
    assert sorted(first[1].tolist()) == sorted(second[1].tolist())
    seen = torch.cat((first[0], second[0])).flatten(1)
    assert len(torch.unique(seen, dim=0)) == 36


@pytest.mark.usefixtures("two_cores")
@pytest.mark.filterwarnings("ignore:This DataLoader will create")
@pytest.mark.parametrize("workers", [0, 2])
def test_a_damaged_file_is_named_without_a_workers_traceback(tmp_path: Path, large: Recipe, workers: int) -> None:
    for name in ("a", "b"):
        (tmp_path / "train" / name).mkdir(parents=True)
        Image.new("RGB", (40, 40)).save(tmp_path / "train" / name / "good.png")
        (tmp_path / "train" / name / "bad.jpg").write_bytes(b"no image")
    listing = data_sets.get("image-folder").images(tmp_path, "train")
    made = batches(FileImages.of(listing, large), large.replace(workers=workers))
    with pytest.raises(DataError, match=r"bad\.jpg' is not an image") as caught:
        made.at(0)
    assert "Traceback" not in str(caught.value)


def test_test_images_are_scaled_and_their_middle_is_taken(tmp_path: Path, large: Recipe) -> None:
    for name, size in (("a", (128, 64)), ("b", (64, 64))):
        (tmp_path / "train" / name).mkdir(parents=True)
        picture = Image.new("RGB", size, "red")
        picture.paste("blue", (size[0] // 2 - 16, 16, size[0] // 2 + 16, 48))
        picture.save(tmp_path / "train" / name / "0.png")
    images = FileImages.of(data_sets.get("image-folder").images(tmp_path, "train"), large)
    pixels, labels = images.at(torch.tensor([1, 0]))
    assert labels.tolist() == [1, 0]
    for picture in pixels:  # scaled to a half: blue from 8 to 24 of 32, so from 4 to 20 of the middle 24
        assert picture[12, 12].tolist() == [0, 0, 255]
        assert picture[1, 1].tolist() == [255, 0, 0]
        assert (picture[12, 6:18, 2] == 255).all()
