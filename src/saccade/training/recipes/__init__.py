"""Every recipe by the name of its command; one experiment a file."""

from saccade.training.recipes import (  # noqa: F401  (they register themselves)
    cifar100,
    cifar100_fine_tuning,
    cifar100_one_cycle,
    cifar100_short,
    coco_faster_rcnn,
    coco_faster_rcnn_warm_up,
    imagenet_mobilenet_v2,
    imagenet_resnet,
    stanford_dogs,
    stanford_dogs_alpha,
    stanford_dogs_components,
    stanford_dogs_norms,
    stanford_dogs_placement,
)
from saccade.training.recipes.registry import recipes

__all__ = ["recipes"]
