"""masks: one minus the mean intersection over union of a segmenter's classes, or of the masks of a detector's finds.

Source: finds are judged by the panoptic quality of Kirillov et al., "Panoptic Segmentation" (CVPR 2019), over all
classes: the sum of the overlaps of matched pairs over the mean number of finds.
"""

from __future__ import annotations

from typing import Any

import torch

from saccade.agreement.classes import best_classes
from saccade.agreement.decoder import decode, find_decoder
from saccade.agreement.detections import Detections, matched_overlaps
from saccade.agreement.metric import Disagreement, metrics, without_choice


def masks_disagreement(reference: Any, outputs: Any) -> float:
    """Returns the disagreement of masks, 0..1, the mean over the pictures."""
    if find_decoder(reference) is not None:
        found, given = decode(reference), decode(outputs)
        if all(picture.masks is not None for picture in [*found, *given]):
            shares = [_finds(*pair) for pair in zip(found, given, strict=True)]
            return sum(shares) / max(len(shares), 1)
    right, judged = best_classes(reference, "masks"), best_classes(outputs, "masks")
    if right.shape != judged.shape or right.ndim != 3:
        return float(right.shape != judged.shape or not torch.equal(right, judged))
    shares = [_classes(*pair) for pair in zip(right, judged, strict=True)]
    return sum(shares) / max(len(shares), 1)


def _classes(right: torch.Tensor, judged: torch.Tensor) -> float:
    """Returns one minus the intersection over union, its mean over the classes that occur in either map (H, W)."""
    kinds = {int(kind) for kind in torch.cat([right.flatten(), judged.flatten()]).bincount().nonzero()}
    overlaps = [
        int(((right == kind) & (judged == kind)).sum()) / int(((right == kind) | (judged == kind)).sum())
        for kind in sorted(kinds)
    ]
    return 1 - sum(overlaps) / max(len(overlaps), 1)


def _finds(right: Detections, judged: Detections) -> float:
    finds = len(right) + len(judged)
    return 1 - 2 * float(matched_overlaps(right, judged, by_mask=True).sum()) / finds if finds else 0.0


@metrics.register("masks")
def _masks(text: str) -> Disagreement:
    without_choice("masks", text)
    return masks_disagreement
