"""Finding objects: torchvision's detectors on a gated backbone, measured by COCO's average precision."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from saccade.errors import DataError, RecipeError
from saccade.models import detector
from saccade.models.backbone import CLASSES
from saccade.models.sizes import Size, measure, parameters_of
from saccade.models.weights import holds_module, load_weights
from saccade.training.average_precision import average_precision
from saccade.training.data.coco import CocoImages
from saccade.training.evaluate import Score
from saccade.training.images import Progress
from saccade.training.networks import PUBLISHED, build_network
from saccade.training.recipe import Recipe
from saccade.training.tasks.task import StepBatches, tasks
from saccade.training.worker_batches import WorkerBatches

if TYPE_CHECKING:
    from lightning_fabric import Fabric

Batch = tuple[list[Tensor], list[dict[str, Tensor]]]
TWO_STAGES = ("faster_rcnn", "mask_rcnn")
BOXES_LEARNED = 512
STRIDE = 32
"""Detectors pad images to multiples of it."""


class Detection:
    """Boxes and their classes; the loss is the sum of the detector's own, the score COCO's AP."""

    measure = "AP"

    def load(
        self, recipe: Recipe, data: Path, cache: Path | None, progress: Progress | None
    ) -> tuple[CocoImages, CocoImages]:
        """Returns the images to train on and those to test with.

        Raises:
            DataError: they are missing, or of other categories.
            RecipeError: images are to be held out.
            MissingPackageError: pycocotools is not installed.
        """
        training, test = CocoImages(data, "train", recipe.flip), CocoImages(data, "test")
        if training.categories != test.categories:
            raise DataError(f"the annotations of train and val in {str(data)!r} have different categories")
        if len(training.categories) != recipe.classes:
            raise DataError(
                f"{str(data)!r} has {len(training.categories)} categories and the recipe {recipe.name!r} expects "
                f"{recipe.classes}; give --set classes={len(training.categories)} to train on these"
            )
        if recipe.validation:
            raise RecipeError("detection holds no images out; leave validation at 0")
        return training, test

    def batches(self, images: CocoImages, recipe: Recipe, rank: int, processes: int, pinned: bool) -> StepBatches:
        """Returns the batches of a run."""
        return WorkerBatches(images, recipe, _listed, rank, processes)

    def first(self, images: CocoImages, count: int) -> CocoImages:
        """Returns the first so many of the images."""
        return images.first(count)

    def build(self, recipe: Recipe) -> nn.Module:
        """Returns the detector in training mode.

        ``pretrained`` may be a classifier's weights, with gates or without, which fill the backbone; or those of the
        whole detector.

        Raises:
            SaccadeError: as ``saccade.training.build_network`` and ``saccade.models.detector``.
        """
        whole = (
            bool(recipe.pretrained)
            and recipe.pretrained != PUBLISHED
            and holds_module(Path(recipe.pretrained), "backbone")
        )
        backbone = recipe.replace(classes=CLASSES, pretrained="" if whole else recipe.pretrained)
        stages: dict[str, Any] = {}
        if recipe.detector in TWO_STAGES:
            stages = {
                "rpn_post_nms_top_n_test": recipe.proposals,
                "rpn_post_nms_top_n_train": 2 * recipe.proposals,
                "box_batch_size_per_image": min(BOXES_LEARNED, recipe.proposals),
            }
        model = detector(
            recipe.detector,
            build_network(backbone),
            classes=recipe.classes + 1,
            frozen_norms=recipe.frozen_norms,
            min_size=recipe.image_size,
            max_size=recipe.longer_side,
            image_mean=list(recipe.mean),
            image_std=list(recipe.std),
            **stages,
        )
        if whole:
            load_weights(model, Path(recipe.pretrained))
        return model

    def size(self, network: nn.Module, recipe: Recipe) -> Size:
        """Returns how large a detector is: all its parameters, and the MACs of its backbone and feature pyramid on the
        largest image; those of its heads depend on what is found."""
        height, width = (-(-side // STRIDE) * STRIDE for side in (recipe.image_size, recipe.longer_side))
        backbone: Any = network.backbone
        size = measure(backbone, (1, 3, height, width))
        return dataclasses.replace(
            size, parameters=parameters_of(network), paper_parameters=parameters_of(network, "paper")
        )

    def parts(self, batch: Batch, count: int) -> Iterator[Batch]:
        """Yields a batch in parts of the same size."""
        pictures, targets = batch
        size = len(pictures) // count
        for first in range(0, len(pictures), size):
            yield pictures[first : first + size], targets[first : first + size]

    def loss(self, model: nn.Module, batch: Batch, recipe: Recipe, device: torch.device) -> Tensor:
        """Returns the sum of the detector's losses."""
        pictures = [picture.to(device, non_blocking=True).float() / 255 for picture in batch[0]]
        targets = [{name: value.to(device, non_blocking=True) for name, value in one.items()} for one in batch[1]]
        losses: dict[str, Tensor] = model(pictures, targets)
        return torch.stack(list(losses.values())).sum()

    def evaluate(
        self, network: nn.Module, images: CocoImages, recipe: Recipe, device: torch.device, fabric: Fabric | None = None
    ) -> Score:
        """Returns a detector's average precision."""
        return average_precision(network, images, device, fabric)


def _listed(samples: list[tuple[Tensor, dict[str, Tensor]]]) -> Batch:
    return [picture for picture, _ in samples], [target for _, target in samples]


tasks.register("detection")(Detection())
