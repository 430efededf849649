"""From the detector's maps to boxes."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torchvision.ops import nms

from saccade.demo.actors import KINDS
from saccade.demo.network import STRIDE


@dataclass(frozen=True)
class Detection:
    """Something that the detector found.

    Attributes:
        kind: index into KINDS.
        score: probability of its centre, 0 to 1.
        left, top, right, bottom: in pixels of the frame.
    """

    kind: int
    score: float
    left: float
    top: float
    right: float
    bottom: float

    @property
    def label(self) -> str:
        """What to write beside its box."""
        return f"{KINDS[self.kind]} {self.score:.2f}"


def decode(
    centres: torch.Tensor, edges: torch.Tensor, threshold: float = 0.35, overlap: float = 0.5
) -> list[Detection]:
    """Returns what the detector found in one frame, surest first.

    Args:
        centres: logits (1, 3, h, w) at stride 8.
        edges: logarithms of distances in cells (1, 4, h, w).
        threshold: lowest probability of a centre.
        overlap: of two boxes of one kind whose intersection over union is larger, the surer one stays.
    """
    scores = centres[0].sigmoid()
    peaks = (scores == F.max_pool2d(scores[None], 3, 1, 1)[0]) & (scores > threshold)
    kinds, rows, columns = peaks.nonzero(as_tuple=True)
    if kinds.numel() == 0:
        return []
    reach = edges[0][:, rows, columns].clamp(max=4).exp() * STRIDE
    x, y = (columns + 0.5) * STRIDE, (rows + 0.5) * STRIDE
    boxes = torch.stack([x - reach[0], y - reach[1], x + reach[2], y + reach[3]], dim=1)
    found = scores[kinds, rows, columns]
    # Boxes of different kinds are moved apart so that they never hide each other.
    kept = nms(boxes + kinds[:, None] * 1e5, found, overlap)
    return [
        Detection(int(kinds[place]), float(found[place]), *(float(edge) for edge in boxes[place])) for place in kept
    ]
