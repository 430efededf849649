"""The images of a run: read once on each machine, split, and checked against the recipe."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from saccade.errors import DataError
from saccade.training.data.listing import data_sets
from saccade.training.images import Progress
from saccade.training.processes import first_on_each_machine
from saccade.training.recipe import Recipe
from saccade.training.split import Splits, hold_out
from saccade.training.tasks import tasks

if TYPE_CHECKING:
    from lightning_fabric import Fabric


def load_splits(
    recipe: Recipe,
    data: Path,
    fabric: Fabric,
    cache: Path | None = None,
    on_read: Progress | None = None,
    download: bool = False,
) -> Splits:
    """Returns the images of a recipe; of the processes on a machine only the first fetches, unpacks and decodes them.

    Args:
        recipe: gives the size, the classes and the share held out.
        data: folder of the recipe's data set.
        fabric: launched.
        cache: folder for decoded images; by default in the data's folder.
        on_read: called while images are read for the first time, or bytes fetched.
        download: whether what is missing may be fetched, where the data set can be.

    Raises:
        DataError: images are missing, too few, or of another number of classes; in every process.
    """

    def load() -> Splits:
        prepare(recipe, data, download, on_read)
        training, test = tasks.get(recipe.task).load(recipe, data, cache, on_read)
        rest, held_out = hold_out(training, recipe.validation, recipe.seed)
        if len(rest) < recipe.batch:
            raise DataError(
                f"{len(rest)} training images in {str(data)!r} do not fill one batch of {recipe.batch}; give more "
                f"images, or --set batch={max(1, len(rest) // 2)}"
            )
        return Splits(rest, held_out, test)

    return first_on_each_machine(fabric, load)


def prepare(recipe: Recipe, data: Path, download: bool = False, told: Progress | None = None) -> None:
    """Unpacks the archives of a recipe's data set that lie in its folder, and fetches them first when told to.

    Args:
        recipe: names the data set.
        data: its folder.
        download: whether to fetch what is missing.
        told: how far a download has come, in bytes.

    Raises:
        DataError: there is nothing that could be fetched, or it cannot be fetched or unpacked.
    """
    prepared = data_sets.get(recipe.data).prepare
    if prepared is not None:
        prepared(data, download, told)
    elif download:
        raise DataError(f"--download: {recipe.data} cannot be fetched; put its images to {str(data)!r} yourself")
