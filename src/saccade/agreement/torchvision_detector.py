"""torchvision's detectors, which decode themselves: a dictionary of boxes, labels and scores for each picture."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from saccade.agreement.decoder import decoders
from saccade.agreement.detections import Detections

THRESHOLD = 0.5
"""Lowest score of a find: torchvision returns them from 0.05 up, most of them doubtful."""
MASK_THRESHOLD = 0.5
"""Probability from which a place belongs to a find's mask."""


class TorchvisionDetector:
    """Reads dictionaries of boxes (K, 4) in pixels, labels (K), scores (K) and perhaps masks (K, 1, H, W)."""

    def recognises(self, outputs: Any) -> bool:
        """Returns whether outputs are such a list."""
        if not isinstance(outputs, (list, tuple)) or not outputs:
            return False
        return all(
            isinstance(one, Mapping)
            and {"boxes", "labels", "scores"} <= one.keys()
            and all(torch.is_tensor(one[key]) and one[key].is_floating_point() for key in ("boxes", "scores"))
            for one in outputs
        )

    def decode(self, outputs: Any) -> list[Detections]:
        """Returns what was found in each picture, in pixels."""
        return [_decode(picture) for picture in outputs]


def _decode(picture: Mapping[str, Any]) -> Detections:
    sure = (picture["scores"] > THRESHOLD).nonzero()[:, 0]
    masks = picture["masks"][sure].flatten(1, 2) > MASK_THRESHOLD if "masks" in picture else None
    return Detections(picture["boxes"][sure], picture["scores"][sure], picture["labels"][sure], False, masks)


decoders.register("torchvision")(TorchvisionDetector())
