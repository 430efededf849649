"""What a run does that depends on what is learned: one object a task, which the loop asks."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import torch
from torch import Tensor, nn

from saccade.graph.registry import Registry
from saccade.models.sizes import Size
from saccade.training.evaluate import Score
from saccade.training.images import Progress
from saccade.training.recipe import Recipe

if TYPE_CHECKING:
    from lightning_fabric import Fabric


class StepBatches(Protocol):
    """Batches by the number of their step.

    Attributes:
        per_epoch: steps an epoch.
    """

    per_epoch: int

    def at(self, step: int) -> Any:
        """Returns this process's part of a step's batch, from 0 over all epochs."""


class Task(Protocol):
    """What is learned.

    Attributes:
        measure: the name of what its accuracy is.
    """

    measure: str

    def load(self, recipe: Recipe, data: Path, cache: Path | None, progress: Progress | None) -> tuple[Any, Any]:
        """Returns the images to train on and those to test with; of both the length can be asked.

        Raises:
            DataError: they are missing, too few, or do not suit the recipe.
        """

    def batches(self, images: Any, recipe: Recipe, rank: int, processes: int, pinned: bool) -> StepBatches:
        """Returns the batches of a run: functions of the recipe and the step alone."""

    def first(self, images: Any, count: int) -> Any:
        """Returns the first so many of the images, or all where there are fewer."""

    def build(self, recipe: Recipe) -> nn.Module:
        """Returns the network in training mode."""

    def size(self, network: nn.Module, recipe: Recipe) -> Size:
        """Returns how large a network is."""

    def parts(self, batch: Any, count: int) -> Iterator[Any]:
        """Yields a batch in parts of the same size."""

    def loss(self, model: nn.Module, batch: Any, recipe: Recipe, device: torch.device) -> Tensor:
        """Returns the loss of a batch, in nats, from which gradients flow."""

    def evaluate(
        self, network: nn.Module, images: Any, recipe: Recipe, device: torch.device, fabric: Fabric | None = None
    ) -> Score:
        """Returns how well a network does; leaves it in the mode it was in."""


tasks: Registry[Task] = Registry("task")
"""Every task by the name that recipes give."""
