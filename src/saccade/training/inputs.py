"""The images of a run: read once on each machine, split, and checked against the recipe."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from saccade.errors import DataError
from saccade.training.images import Images, Progress, load_images
from saccade.training.processes import first_on_each_machine
from saccade.training.recipe import Recipe
from saccade.training.split import Source, Splits, hold_out

if TYPE_CHECKING:
    from lightning_fabric import Fabric


def load_splits(
    recipe: Recipe, data: Path, fabric: Fabric, cache: Path | None = None, on_read: Progress | None = None
) -> Splits:
    """Returns the images of a recipe; of the processes on a machine only the first decodes them.

    Args:
        recipe: gives the size, the classes and the share held out.
        data: folder with train/CLASS/* and test/CLASS/*.
        fabric: launched.
        cache: folder for decoded images; by default in the data's folder.
        on_read: called while images are read for the first time.

    Raises:
        DataError: images are missing, too few, or of another number of classes; in every process.
    """

    def load() -> Splits:
        training, test = (load_images(data, split, recipe.image_size, cache, on_read) for split in ("train", "test"))
        _check_classes(recipe, training, test, data)
        rest, held_out = hold_out(training, recipe.validation, recipe.seed)
        _check_count(recipe, rest, data)
        return Splits(rest, held_out, test)

    return first_on_each_machine(fabric, load)


def _check_classes(recipe: Recipe, training: Images, test: Images, data: Path) -> None:
    if training.classes != test.classes:
        differ = sorted(set(training.classes) ^ set(test.classes))
        raise DataError(
            f"train and test in {str(data)!r} have different classes: {', '.join(differ[:4])} are in one alone"
        )
    if len(training.classes) != recipe.classes:
        raise DataError(
            f"{str(data)!r} has {len(training.classes)} classes and the recipe {recipe.name!r} expects "
            f"{recipe.classes}; give --set classes={len(training.classes)} to train on these"
        )


def _check_count(recipe: Recipe, training: Source, data: Path) -> None:
    if len(training) < recipe.batch:
        raise DataError(
            f"{len(training)} training images in {str(data)!r} do not fill one batch of {recipe.batch}; give more "
            f"images, or --set batch={max(1, len(training) // 2)}"
        )
