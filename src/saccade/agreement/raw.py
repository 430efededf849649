"""raw: the relative L2 error of the numbers, whatever they mean."""

from __future__ import annotations

from typing import Any

from saccade.agreement.difference import relative_errors
from saccade.agreement.metric import Disagreement, metrics, without_choice


def raw_disagreement(reference: Any, outputs: Any) -> float:
    """Returns the largest relative L2 error among the outputs, at most 1."""
    return min(1.0, max(relative_errors(outputs, reference).values(), default=0.0))


@metrics.register("raw")
def _raw(text: str) -> Disagreement:
    without_choice("raw", text)
    return raw_disagreement
