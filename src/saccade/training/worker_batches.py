"""Batches of images that are decoded and augmented anew every time, by worker processes, ahead of the training.

What an image looks like is a function of (seed, epoch, index), so the batches are the same with any number of workers,
and a run can go on at any step.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import Any, Generic, Protocol, TypeVar

import torch
from torch.utils.data import DataLoader, Dataset

from saccade.errors import DataError
from saccade.training.order import Order
from saccade.training.recipe import Recipe
from saccade.training.seeds import Purpose, derived

Batch = TypeVar("Batch")
AHEAD = 2
"""Batches that each worker prepares ahead."""


class Drawn(Protocol):
    """Images that are changed at random."""

    def __len__(self) -> int: ...

    def drawn(self, index: int) -> Any:
        """Returns an image and what is known of it, changed at random by torch's own random numbers.

        Raises:
            DataError: it cannot be read.
        """


class WorkerBatches(Generic[Batch]):
    """Batches of a recipe.

    Args:
        images: the training images; sent to the workers.
        recipe: gives batch, seed, epochs and the number of workers.
        collate: makes a batch of what ``images.drawn`` returns.
        rank: this process, from 0.
        processes: that share each batch; each takes every so-manieth image of it.
        pinned: whether batches lie in memory that a GPU reads without a copy.
    """

    def __init__(
        self,
        images: Drawn,
        recipe: Recipe,
        collate: Callable[[list[Any]], Batch],
        rank: int = 0,
        processes: int = 1,
        pinned: bool = False,
    ) -> None:
        self.recipe = recipe
        self.order = Order(len(images), recipe, rank, processes)
        self.per_epoch = self.order.per_epoch
        self.steps = max(1, round(recipe.epochs * self.per_epoch))
        self._loading = _Loading(images, recipe.seed)
        self._collate = _Collate(collate)
        self._pinned = pinned
        self._next = -1
        self._iterator: Iterator[Any] = iter(())

    def at(self, step: int) -> Batch:
        """Returns this process's part of a step's batch; steps that follow one another are prepared ahead.

        Args:
            step: from 0, over all epochs.

        Raises:
            DataError: an image cannot be read.
        """
        if step != self._next:
            self._iterator = iter(self._loader(step))
        found = next(self._iterator)
        self._next = step + 1
        if isinstance(found, DataError):
            raise found
        return found  # type: ignore[no-any-return]

    def _loader(self, first: int) -> DataLoader[Any]:
        workers = min(self.recipe.workers, available_cores())
        return DataLoader(
            self._loading,
            batch_sampler=self._keys(first),
            num_workers=workers,
            collate_fn=self._collate,
            pin_memory=self._pinned,
            prefetch_factor=AHEAD if workers else None,
            generator=torch.Generator(),  # its own, so that the run's random numbers stay where they are
        )

    def _keys(self, first: int) -> Iterator[list[tuple[int, int]]]:
        """Yields a list of (epoch, index) a step."""
        for step in range(first, max(self.steps, first + 1)):
            epoch = step // self.per_epoch
            yield [(epoch, index) for index in self.order.at(step)[self.order.own].tolist()]


class _Loading(Dataset[Any]):
    """Images by (epoch, index), each with random numbers of its own."""

    def __init__(self, images: Drawn, seed: int) -> None:
        self.images = images
        self.seed = seed

    def __getitem__(self, key: tuple[int, int]) -> Any:
        epoch, index = key
        with torch.random.fork_rng(devices=[]):
            # The CPU's generator alone: torch.manual_seed would touch those of the GPUs, too.
            torch.default_generator.manual_seed(derived(self.seed, Purpose.AUGMENTATION, epoch, index))
            try:
                return self.images.drawn(index)
            except DataError as error:
                return error  # raised in the training process, without a worker's traceback around it


class _Collate:
    """Passes an image that could not be read on in place of the batch."""

    def __init__(self, collate: Callable[[list[Any]], Any]) -> None:
        self.collate = collate

    def __call__(self, images: list[Any]) -> Any:
        bad = next((image for image in images if isinstance(image, DataError)), None)
        return self.collate(images) if bad is None else bad


def available_cores() -> int:
    """Returns how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
