"""detections: one minus the F1 score of boxes matched at an intersection over union of 0.5, class by class."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from saccade.agreement.decoder import decode, decoders
from saccade.agreement.detections import Detections, matched_overlaps
from saccade.agreement.metric import Disagreement, metrics


def unmatched_share(reference: Detections, given: Detections) -> float:
    """Returns 1 - 2 * pairs / (finds of both), 0..1: 0 where every find has its like, or neither found anything."""
    finds = len(reference) + len(given)
    return 1 - 2 * len(matched_overlaps(reference, given)) / finds if finds else 0.0


@dataclass(frozen=True)
class DetectionsDisagreement:
    """The mean over the pictures of ``unmatched_share``.

    Attributes:
        decoder: name of the decoder of both outputs; "" for the one that recognises them.
    """

    decoder: str = ""

    def finds(self, outputs: Any) -> int:
        """Returns how many boxes there are in all pictures together."""
        return sum(len(picture) for picture in decode(outputs, self.decoder))

    def __call__(self, reference: Any, outputs: Any) -> float:
        """Returns the disagreement, 0..1."""
        pairs = list(zip(decode(reference, self.decoder), decode(outputs, self.decoder), strict=True))
        return sum(unmatched_share(right, given) for right, given in pairs) / max(len(pairs), 1)


@metrics.register("detections")
def _detections(text: str) -> Disagreement:
    if text:
        decoders.get(text)
    return DetectionsDisagreement(text)
