"""What a calibration keeps to: a mean error of the outputs, or a mean disagreement of what they say."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from saccade.agreement import Metric, relative_errors
from saccade.errors import CalibrationError


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
        if not (math.isfinite(self.limit) and self.limit > 0):
            raise CalibrationError(f"a goal of {self.limit} was given; expected a finite number above 0")
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

    def __str__(self) -> str:
        if self.metric is None:
            return f"error {self.limit:g}"
        return f"disagreement {self.limit:g} ({self.metric.name})"
