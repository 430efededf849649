"""Ultra-Light-Fast-Generic-Face-Detector: scores and boxes of prior boxes at four strides.

Source: the network's published post-processing (github.com/Linzaer/Ultra-Light-Fast-Generic-Face-Detector-1MB, MIT,
detect_imgs_onnx.py and vision/ssd/config): priors of 10 to 256 pixels, centre variance 0.1, size variance 0.2; faces
from a score of 0.7, and of two that overlap by more than 0.5 the surer one.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import torch
from torch import Tensor

from saccade.agreement.decoder import decoders
from saccade.agreement.detections import Detections
from saccade.agreement.difference import named_tensors

THRESHOLD, OVERLAP = 0.7, 0.5
CENTRE_VARIANCE, SIZE_VARIANCE = 0.1, 0.2
SIDES = {8: (10, 16, 24), 16: (32, 48), 32: (64, 96), 64: (128, 192, 256)}
"""Sides of the square priors in pixels, by stride."""
FRAMES = ((96, 128), (120, 160), (240, 320), (360, 480), (480, 640), (960, 1280))
"""Sizes (H, W) that the network is published for; the number of priors tells which one it is."""


class UltraFace:
    """Reads scores (N, P, 2) of nothing and face, and boxes (N, P, 4) as offsets from P priors."""

    def recognises(self, outputs: Any) -> bool:
        """Returns whether there are two such tensors, the first of probabilities, for a published size of frame."""
        tensors = [tensor for _, tensor in named_tensors(outputs)]
        if len(tensors) != 2 or any(tensor.ndim != 3 or not tensor.is_floating_point() for tensor in tensors):
            return False
        scores, boxes = tensors
        if scores.shape[2] != 2 or boxes.shape[2] != 4 or scores.shape[:2] != boxes.shape[:2]:
            return False
        return _priors(scores.shape[1]) is not None and bool(((scores.sum(2) - 1).abs() < 1e-2).all())

    def decode(self, outputs: Any) -> list[Detections]:
        """Returns the faces in each picture; boxes are relative, every label is 0."""
        (_, scores), (_, offsets) = named_tensors(outputs)
        return [_decode(*picture) for picture in zip(scores.float(), offsets.float(), strict=True)]


def _decode(scores: Tensor, offsets: Tensor) -> Detections:
    from torchvision.ops import box_convert, nms  # here, since loading torchvision takes a second

    priors = _priors(len(scores))
    assert priors is not None
    sure = (scores[:, 1] > THRESHOLD).nonzero()[:, 0]
    offsets, priors, faces = offsets[sure], priors[sure], scores[sure, 1]
    centres = offsets[:, :2] * CENTRE_VARIANCE * priors[:, 2:] + priors[:, :2]
    sizes = (offsets[:, 2:] * SIZE_VARIANCE).exp() * priors[:, 2:]
    boxes = box_convert(torch.cat([centres, sizes], 1), "cxcywh", "xyxy")
    kept = nms(boxes, faces, OVERLAP)
    return Detections(boxes[kept], faces[kept], torch.zeros(len(kept), dtype=torch.long), relative=True)


@lru_cache(maxsize=8)
def _priors(count: int) -> Tensor | None:
    """Returns the priors (P, 4), centre and size in shares of the frame; None where no size has so many."""
    for height, width in FRAMES:
        if count == sum(-(-height // stride) * -(-width // stride) * len(sides) for stride, sides in SIDES.items()):
            return torch.cat([_grid(height, width, stride, sides) for stride, sides in SIDES.items()]).clamp(0, 1)
    return None


def _grid(height: int, width: int, stride: int, sides: tuple[int, ...]) -> Tensor:
    """Returns the priors of one stride, row by row, those of one place in a row."""
    rows, columns = -(-height // stride), -(-width // stride)
    y = (torch.arange(rows) + 0.5)[:, None, None].expand(rows, columns, len(sides)) / rows
    x = (torch.arange(columns) + 0.5)[None, :, None].expand(rows, columns, len(sides)) / columns
    side = torch.tensor(sides, dtype=torch.float32).expand(rows, columns, len(sides))
    return torch.stack([x, y, side / width, side / height], 3).flatten(0, 2)


decoders.register("ultraface")(UltraFace())
