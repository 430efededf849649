"""COCO's average precision, by pycocotools."""

from __future__ import annotations

import contextlib
import io
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from saccade.training.data.coco import CocoImages
from saccade.training.evaluate import Score

if TYPE_CHECKING:
    from lightning_fabric import Fabric

AT_ONCE = 4
"""Images in a batch of evaluation; they are padded to the largest, so more would not be faster."""
METRICS = ("AP", "AP50", "AP75", "APS", "APM", "APL")
"""As Table 2 of the DAS paper prints them: over IoU 0.5 to 0.95, at 0.5, at 0.75, of small, medium and large
objects."""


@torch.no_grad()
def average_precision(
    detector: nn.Module, images: CocoImages, device: torch.device, fabric: Fabric | None = None
) -> Score:
    """Returns a detector's AP on all images; leaves it in the mode it was in.

    Args:
        detector: takes a list of images (3, H, W) in 0..1 and, in eval mode, returns boxes, labels and scores of each.
        images: at least one.
        device: of the detector.
        fabric: of processes that share the images, each with the same detector; every image counts once.

    Returns:
        AP as accuracy, 0..1, all six as metrics (-1 where there is no such object), and no loss.
    """
    training = detector.training
    detector.eval()
    rank, processes = (0, 1) if fabric is None else (fabric.global_rank, fabric.world_size)
    found: list[dict[str, Any]] = []
    own = range(rank, len(images), processes)
    for first in range(0, len(own), AT_ONCE):
        indices = own[first : first + AT_ONCE]
        pictures = [picture.to(device).float() / 255 for picture in images.pictures(indices)]
        for index, output in zip(indices, detector(pictures), strict=True):
            found += _entries(images, images.numbers[index], output)
    detector.train(training)
    if processes > 1:
        parts: list[Any] = [None] * processes
        torch.distributed.all_gather_object(parts, found)
        found = [entry for part in parts for entry in part]
    metrics = coco_metrics(images, found)
    return Score(metrics["AP"], None, metrics)


def coco_metrics(images: CocoImages, found: list[dict[str, Any]]) -> dict[str, float]:
    """Returns COCO's six AP, 0..1; -1 where there is no object of that size.

    Args:
        images: those that were looked at.
        found: detections in COCO's format, with the numbers of images and categories.
    """
    if not found:
        return dict.fromkeys(METRICS, 0.0)
    from pycocotools.cocoeval import COCOeval

    with contextlib.redirect_stdout(io.StringIO()):
        scored = COCOeval(images.annotations, images.annotations.loadRes(found), "bbox")
        scored.params.imgIds = images.numbers
        scored.evaluate()
        scored.accumulate()
        scored.summarize()
    return {name: float(value) for name, value in zip(METRICS, scored.stats, strict=False)}


def _entries(images: CocoImages, number: int, output: dict[str, torch.Tensor]) -> list[dict[str, Any]]:
    boxes = output["boxes"].float().cpu().clone()
    boxes[:, 2:] -= boxes[:, :2]
    rows = zip(boxes.tolist(), output["labels"].tolist(), output["scores"].tolist(), strict=True)
    return [
        {"image_id": number, "category_id": images.categories[label - 1], "bbox": box, "score": score}
        for box, label, score in rows
    ]
