"""top1: the share of pictures, or of places of a class map, whose best class differs."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from saccade.agreement.difference import described, named_tensors
from saccade.agreement.metric import Disagreement, metrics, without_choice
from saccade.errors import MetricError


def class_scores(outputs: Any) -> Tensor | None:
    """Returns a classifier's scores (N, K) or a segmenter's (N, K, H, W), K > 1, or None where there are none.

    Of a dictionary with "out", as torchvision's segmenters return it, that entry counts; otherwise there has to be
    just one tensor.
    """
    found = dict(named_tensors(outputs))
    scores = found.get("out")
    if scores is None and len(found) == 1:
        scores = next(iter(found.values()))
    if scores is None or scores.ndim not in (2, 4) or scores.shape[1] < 2 or not scores.is_floating_point():
        return None
    return scores


def best_classes(outputs: Any, metric: str) -> Tensor:
    """Returns the best class of each picture (N) or place (N, H, W).

    Raises:
        MetricError: when the outputs are no classes' scores; names the metric that asked.
    """
    scores = class_scores(outputs)
    if scores is None:
        raise MetricError(
            f"the metric {metric!r} reads scores of classes, (N, K) or (N, K, H, W); the model gave "
            f"{described(outputs)}: choose another, such as raw"
        )
    return scores.argmax(1)


def top1_disagreement(reference: Any, outputs: Any) -> float:
    """Returns the share of pictures or places whose best class differs, 0..1."""
    right, given = best_classes(reference, "top1"), best_classes(outputs, "top1")
    if right.shape != given.shape or right.numel() == 0:
        return float(right.shape != given.shape)
    return float((right != given).double().mean())


@metrics.register("top1")
def _top1(text: str) -> Disagreement:
    without_choice("top1", text)
    return top1_disagreement
