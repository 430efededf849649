"""What a detector found in one picture, and which finds of two passes are the same."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, eq=False)
class Detections:
    """What was found in one picture, surest first.

    Attributes:
        boxes: (K, 4), left, top, right, bottom; in pixels, or in shares of the picture's width and height.
        scores: (K), 0..1.
        labels: (K), whole numbers.
        relative: whether boxes are in shares of the picture.
        masks: (K, H, W), boolean: the places of each find; None where the detector gives boxes only.
    """

    boxes: Tensor
    scores: Tensor
    labels: Tensor
    relative: bool
    masks: Tensor | None = None

    def __len__(self) -> int:
        return len(self.labels)


def matched_overlaps(first: Detections, second: Detections, least: float = 0.5, by_mask: bool = False) -> Tensor:
    """Pairs finds of one class one to one, those that overlap most first.

    Args:
        first, second: of the same picture.
        least: intersection over union from which two finds may be the same.
        by_mask: compare masks instead of boxes; both must have them.

    Returns:
        (P), the intersection over union of each pair, largest first.
    """
    from torchvision.ops import box_iou  # here, since loading torchvision takes a second

    if not len(first) or not len(second):
        return torch.zeros(0)
    overlaps = _mask_overlaps(first, second) if by_mask else box_iou(first.boxes.float(), second.boxes.float())
    overlaps = torch.where(first.labels[:, None] == second.labels[None], overlaps, -1.0)
    found = []
    for _ in range(min(len(first), len(second))):
        place = int(overlaps.argmax())
        row, column = divmod(place, len(second))
        if not float(overlaps[row, column]) >= least:
            break
        found.append(float(overlaps[row, column]))
        overlaps[row], overlaps[:, column] = -1.0, -1.0
    return torch.tensor(found)


def _mask_overlaps(first: Detections, second: Detections) -> Tensor:
    assert first.masks is not None
    assert second.masks is not None
    left, right = first.masks.flatten(1).float(), second.masks.flatten(1).float()
    shared = left @ right.T
    either = left.sum(1)[:, None] + right.sum(1)[None] - shared
    return shared / either.clamp(min=1)
