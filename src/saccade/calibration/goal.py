"""What a calibration keeps to: a mean error of the outputs, or a mean disagreement of what they say."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from saccade.agreement import Metric, Spread, find_decoder, relative_errors
from saccade.agreement.boxes import DetectionsDisagreement
from saccade.agreement.masks import masks_disagreement
from saccade.errors import CalibrationError
from saccade.policy.fields import is_number


@dataclass(frozen=True)
class Goal:
    """A limit on the mean over frames.

    Attributes:
        limit: above 0; of the relative L2 error, or of the disagreement, 0..1.
        metric: of the disagreement; None limits the error.
    """

    limit: float
    metric: Metric | None = None

    def __post_init__(self) -> None:
        if not (is_number(self.limit) and self.limit > 0):
            raise CalibrationError(f"a goal of {self.limit!r} was given; expected a finite number above 0")
        if self.metric is not None and self.limit > 1:
            raise CalibrationError(f"a disagreement of {self.limit} was given; expected one of at most 1, or 100%")

    def miss(self, outputs: Any, numbers: Any, dense_outputs: Any, dense_numbers: Any) -> float:
        """Returns a frame's error or disagreement.

        Args:
            outputs: as the model's caller gets them.
            numbers: tensors that can be subtracted; the outputs themselves except for detectors.
            dense_outputs, dense_numbers: those of a dense pass.
        """
        if self.metric is not None:
            return self.metric(dense_outputs, outputs)
        return max(relative_errors(numbers, dense_numbers).values(), default=0.0)

    def is_met(self, miss: Spread) -> bool:
        """Returns whether the mean keeps to the limit and no frame's error is infinite."""
        return not miss.infinite and miss.mean <= self.limit

    def finds(self, outputs: Any) -> int | None:
        """Returns how many things a detector found in a frame; None where the goal does not go by finds."""
        disagreement = None if self.metric is None else self.metric.disagreement
        if isinstance(disagreement, DetectionsDisagreement):
            return disagreement.finds(outputs)
        if disagreement is masks_disagreement and find_decoder(outputs) is not None:
            return DetectionsDisagreement().finds(outputs)
        return None

    def __str__(self) -> str:
        if self.metric is None:
            return f"error {self.limit:g}"
        return f"disagreement {self.limit:g} ({self.metric.name})"
