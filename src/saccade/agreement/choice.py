"""Which metric suits a model's outputs, where the user names none."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from saccade.agreement.classes import class_scores
from saccade.agreement.decoder import find_decoder
from saccade.agreement.metric import Metric, resolve_metric


def fitting_metric(outputs: Any) -> Metric:
    """Returns the metric of the task that a model's outputs look like.

    Returns:
        "detections" where a decoder recognises them; "top1" for one tensor (N, K) of scores; "masks" for a
        segmenter's dictionary with "out"; else "raw". A lone map (N, K, H, W) may mean anything and is "raw".
    """
    if find_decoder(outputs) is not None:
        return resolve_metric("detections")
    scores = class_scores(outputs)
    if scores is not None and scores.ndim == 2:
        return resolve_metric("top1")
    if scores is not None and isinstance(outputs, Mapping):
        return resolve_metric("masks")
    return resolve_metric("raw")
