"""Which images a step sees: a function of seed, epoch and step alone."""

from __future__ import annotations

import torch
from torch import Tensor

from saccade.training.recipe import Recipe
from saccade.training.seeds import Purpose, generator


class Order:
    """The images of every step, each at most once an epoch; what does not fill a batch at an epoch's end is left out.

    Args:
        count: images there are.
        recipe: gives the batch's size and the seed.
        rank: this process, from 0.
        processes: that share each batch; each takes every so-manieth image of it.
    """

    def __init__(self, count: int, recipe: Recipe, rank: int = 0, processes: int = 1) -> None:
        self.count = count
        self.batch = recipe.batch
        self.seed = recipe.seed
        self.own = slice(rank, None, processes)
        self.per_epoch = count // recipe.batch
        self._order: tuple[int, Tensor] | None = None

    def at(self, step: int) -> Tensor:
        """Returns the indices (batch,) int64 of a step's images, those of all processes.

        Args:
            step: from 0, over all epochs.
        """
        epoch, index = divmod(step, self.per_epoch)
        if self._order is None or self._order[0] != epoch:
            chance = generator(self.seed, Purpose.ORDER, epoch)
            self._order = epoch, torch.randperm(self.count, generator=chance)
        return self._order[1][index * self.batch : (index + 1) * self.batch]
