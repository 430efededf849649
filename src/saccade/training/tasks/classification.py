"""Telling classes of images apart."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.data import default_collate

from saccade.errors import DataError, RecipeError
from saccade.models.sizes import Size, measure
from saccade.training.ahead import Ahead
from saccade.training.batches import Batches, normalised
from saccade.training.data.listing import Decoded, data_sets
from saccade.training.evaluate import Score, evaluate
from saccade.training.file_images import FileImages
from saccade.training.images import Images, Progress, cached_images
from saccade.training.networks import build_network
from saccade.training.recipe import Recipe
from saccade.training.split import Source, Subset
from saccade.training.tasks.task import StepBatches, tasks
from saccade.training.worker_batches import WorkerBatches

if TYPE_CHECKING:
    from lightning_fabric import Fabric

Batch = tuple[Tensor, Tensor]


class Classification:
    """One class an image; the loss is the cross-entropy, the score the share of images told right."""

    measure = "accuracy"

    def load(self, recipe: Recipe, data: Path, cache: Path | None, progress: Progress | None) -> tuple[Source, Source]:
        """Returns the images to train on and those to test with.

        Raises:
            DataError: they are missing, or of another number of classes.
            RecipeError: the recipe wants them in another size than they are there in.
        """
        training, test = (_split(recipe, data, split, cache, progress) for split in ("train", "test"))
        _check(recipe, training, test, data)
        return training, test

    def batches(self, images: Source, recipe: Recipe, rank: int, processes: int, pinned: bool) -> StepBatches:
        """Returns the batches of a run."""
        if recipe.loading == "cached":
            batches = Batches(images, recipe, rank, processes)
            return Ahead(batches) if pinned else batches
        return WorkerBatches(_drawn(images), recipe, default_collate, rank, processes, pinned)

    def first(self, images: Source, count: int) -> Source:
        """Returns the first so many of the images."""
        return Subset(images, torch.arange(min(count, len(images))))

    def build(self, recipe: Recipe) -> nn.Module:
        """Returns the network in training mode."""
        return build_network(recipe)

    def size(self, network: nn.Module, recipe: Recipe) -> Size:
        """Returns how large a network is."""
        return measure(network, (1, 3, recipe.image_size, recipe.image_size))

    def parts(self, batch: Batch, count: int) -> Iterator[Batch]:
        """Yields a batch in parts of the same size."""
        pixels, labels = batch
        yield from zip(pixels.chunk(count), labels.chunk(count), strict=True)

    def loss(self, model: nn.Module, batch: Batch, recipe: Recipe, device: torch.device) -> Tensor:
        """Returns the cross-entropy of a batch, in nats."""
        pixels, labels = (part.to(device, non_blocking=True) for part in batch)
        return functional.cross_entropy(
            model(normalised(pixels, recipe)), labels, label_smoothing=recipe.label_smoothing
        )

    def evaluate(
        self, network: nn.Module, images: Source, recipe: Recipe, device: torch.device, fabric: Fabric | None = None
    ) -> Score:
        """Returns how well a network does."""
        return evaluate(network, images, recipe, device, fabric)


class _DrawnSubset:
    """Some of the images of files."""

    def __init__(self, whole: FileImages, chosen: Tensor) -> None:
        self.whole = whole
        self.chosen = chosen.tolist()

    def __len__(self) -> int:
        return len(self.chosen)

    def drawn(self, index: int) -> Any:
        """Returns an image, changed at random, and its label."""
        return self.whole.drawn(self.chosen[index])


def _drawn(images: Source) -> FileImages | _DrawnSubset:
    chosen = torch.arange(len(images))
    whole: Any = images
    while isinstance(whole, Subset):
        whole, chosen = whole.whole, whole.chosen[chosen]
    if not isinstance(whole, FileImages):
        raise RecipeError(f"loading=files takes image files, not {type(whole).__name__}")
    return whole if len(chosen) == len(whole) else _DrawnSubset(whole, chosen)


def _split(recipe: Recipe, data: Path, split: str, cache: Path | None, progress: Progress | None) -> Source:
    found = data_sets.get(recipe.data).images(data, split)
    if isinstance(found, Decoded):
        side = found.pixels.shape[1]
        if recipe.loading != "cached" or recipe.image_size != side:
            raise RecipeError(
                f"the images of {recipe.data} in {str(data)!r} are {side} x {side} pixels and decoded, and the recipe "
                f"{recipe.name!r} wants them at {recipe.image_size}, {recipe.loading}; give --set "
                f"image_size={side} --set loading=cached, or their files in class folders"
            )
        return Images(found.pixels, torch.tensor(found.labels), found.classes)
    if recipe.loading == "cached":
        return cached_images(found, data, split, recipe.image_size, cache, progress)
    return FileImages.of(found, recipe)


def _check(recipe: Recipe, training: Source, test: Source, data: Path) -> None:
    """Raises DataError where images do not suit the recipe."""
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


tasks.register("classification")(Classification())
