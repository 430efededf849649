"""Images held out to choose by."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from saccade.errors import DataError
from saccade.training import Recipe, hold_out, load_images, load_trained, train
from saccade.training.evaluate import evaluate


def test_every_class_gives_the_same_share_and_no_image_is_on_both_sides(folder: Path, tmp_path: Path) -> None:
    images = load_images(folder, "train", 8, tmp_path)
    rest, held = hold_out(images, 0.25, seed=3)
    assert held is not None
    assert (len(rest), len(held)) == (27, 9)
    assert torch.bincount(held.labels).tolist() == [3, 3, 3]
    everything = torch.cat([part.at(torch.arange(len(part)))[0].flatten(1) for part in (rest, held)])
    assert len(torch.unique(everything, dim=0)) == 36
    pixels, labels = held.at(torch.tensor([8, 0]))
    assert labels.tolist() == [2, 0]
    assert pixels.shape == (2, 8, 8, 3)


def test_the_choice_goes_by_the_seed(folder: Path, tmp_path: Path) -> None:
    images = load_images(folder, "train", 8, tmp_path)

    def chosen(seed: int) -> torch.Tensor:
        held = hold_out(images, 0.25, seed)[1]
        assert held is not None
        return held.at(torch.arange(9))[0]

    assert torch.equal(chosen(0), chosen(0))
    assert not torch.equal(chosen(0), chosen(1))
    assert hold_out(images, 0, 0)[1] is None


def test_a_share_that_leaves_a_class_empty_is_refused(folder: Path, tmp_path: Path, recipe: Recipe) -> None:
    for share in (0.01, 0.99):
        with pytest.raises(DataError, match="of the 12 images of class 'blue'"):
            train(recipe.replace(validation=share), folder, tmp_path / "run", cache=tmp_path, accelerator="cpu")


def test_the_best_weights_are_chosen_by_the_images_held_out_and_tested_once(
    folder: Path, tmp_path: Path, recipe: Recipe
) -> None:
    recipe = recipe.replace(validation=0.25, epochs=4)
    report = train(recipe, folder, tmp_path / "run", cache=tmp_path, accelerator="cpu")
    assert (report.training_images, report.validation_images, report.test_images) == (27, 9, 12)
    held = [line.validation_accuracy for line in report.history]
    assert report.best_accuracy == max(share for share in held if share is not None)
    assert [line.accuracy is None for line in report.history] == [True, True, True, False]
    best = load_trained(tmp_path / "run" / "best.safetensors")
    assert best.step == report.best_step
    test = load_images(folder, "test", 8, tmp_path)
    assert evaluate(best.network, test, recipe, torch.device("cpu")).accuracy == report.best_test_accuracy
