"""FastestDet: one map of objectness, box and classes for each cell.

Source: the network's published post-processing (github.com/dog-qiuqiu/FastestDet, BSD-3-Clause, utils/tool.py): centre
= (tanh + cell) / cells and size = sigmoid, in shares of the picture; score = objectness * class; boxes from a score of
0.25, and of two of one class that overlap by more than 0.45 the surer one.
"""

from __future__ import annotations

from typing import Any

import torch

from saccade.agreement.decoder import decoders
from saccade.agreement.detections import Detections
from saccade.agreement.difference import named_tensors

THRESHOLD, OVERLAP = 0.25, 0.45
NUMBERS_BEFORE_CLASSES = 5


class FastestDet:
    """Reads one map (N, 5 + classes, h, w): objectness, four numbers of the box, probabilities of the classes."""

    def recognises(self, outputs: Any) -> bool:
        """Returns whether there is one map, its objectness lies in 0..1 and its classes' probabilities add up to 1."""
        tensors = [tensor for _, tensor in named_tensors(outputs)]
        if len(tensors) != 1 or tensors[0].ndim != 4 or tensors[0].shape[1] <= NUMBERS_BEFORE_CLASSES + 1:
            return False
        if not tensors[0].is_floating_point():
            return False
        objectness, sums = tensors[0][:, 0], tensors[0][:, NUMBERS_BEFORE_CLASSES:].sum(1)
        return bool(((objectness >= 0) & (objectness <= 1) & ((sums - 1).abs() < 1e-2)).all())

    def decode(self, outputs: Any) -> list[Detections]:
        """Returns what was found in each picture; boxes are relative."""
        ((_, maps),) = named_tensors(outputs)
        return [_decode(picture.float()) for picture in maps]


def _decode(picture: torch.Tensor) -> Detections:
    from torchvision.ops import batched_nms, box_convert  # here, since loading torchvision takes a second

    best, labels = picture[NUMBERS_BEFORE_CLASSES:].max(0)
    scores = picture[0] * best
    rows, columns = (scores > THRESHOLD).nonzero(as_tuple=True)
    x, y, width, height = picture[1:NUMBERS_BEFORE_CLASSES, rows, columns]
    cells = torch.tensor(picture.shape[1:]).flip(0)
    centres = (torch.stack([x, y], 1).tanh() + torch.stack([columns, rows], 1)) / cells
    boxes = box_convert(torch.cat([centres, torch.stack([width, height], 1).sigmoid()], 1), "cxcywh", "xyxy")
    scores, labels = scores[rows, columns], labels[rows, columns]
    kept = batched_nms(boxes, scores, labels, OVERLAP)
    return Detections(boxes[kept], scores[kept], labels[kept], relative=True)


decoders.register("fastestdet")(FastestDet())
