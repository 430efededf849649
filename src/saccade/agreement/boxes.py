"""detections: one minus the F1 score of boxes matched at an intersection over union of 0.5, class by class."""

from __future__ import annotations

from typing import Any

from saccade.agreement.decoder import decode, decoders
from saccade.agreement.detections import Detections, matched_overlaps
from saccade.agreement.metric import Disagreement, metrics


def unmatched_share(reference: Detections, given: Detections) -> float:
    """Returns 1 - 2 * pairs / (finds of both), 0..1: 0 where every find has its like, or neither found anything."""
    finds = len(reference) + len(given)
    return 1 - 2 * len(matched_overlaps(reference, given)) / finds if finds else 0.0


@metrics.register("detections")
def _detections(text: str) -> Disagreement:
    if text:
        decoders.get(text)

    def disagreement(reference: Any, outputs: Any) -> float:
        pairs = list(zip(decode(reference, text), decode(outputs, text), strict=True))
        return sum(unmatched_share(right, given) for right, given in pairs) / max(len(pairs), 1)

    return disagreement
