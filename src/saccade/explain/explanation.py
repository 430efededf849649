"""One network's explanation of one photograph: Grad-CAM of a few stages, their scores, and what its gates do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from torch import Tensor, nn

from saccade.explain.gate_map import GateView, look_at_gates
from saccade.explain.grad_cam import grad_cam
from saccade.explain.score import Score, ScoreRule, salient_feature_detection
from saccade.explain.stages import stage_outputs


@dataclass(frozen=True)
class StageMap:
    """What mattered at one stage.

    Attributes:
        label: the stage as a picture calls it.
        module: the module whose output was looked at.
        weights: (H, W) float32, 0 to 1, at the frame's size: Grad-CAM's w.
        score: how much of them lies in the region; None where no region was given.
    """

    label: str
    module: str
    weights: npt.NDArray[np.float32]
    score: Score | None


@dataclass(frozen=True)
class Explanation:
    """What one network made of one photograph.

    Attributes:
        name: what a picture calls the network.
        category: index of the class that was explained.
        probability: softmax probability that the network gives it.
        first_choice: index of the class that the network itself finds likeliest.
        stages: one map a stage, in the order asked for.
        gates: the network's gates, in the order in which they run.
    """

    name: str
    category: int
    probability: float
    first_choice: int
    stages: tuple[StageMap, ...]
    gates: tuple[GateView, ...]


def explain(
    model: nn.Module,
    frame: Tensor,
    *,
    name: str = "",
    stages: Sequence[str] = (),
    category: int | None = None,
    region: npt.NDArray[np.bool_] | None = None,
    rule: ScoreRule | None = None,
) -> Explanation:
    """Explains what a classifier sees in a frame; the model is left exactly as it was found.

    Args:
        model: frames (1, 3, H, W) -> logits (1, K).
        frame: (1, 3, H, W), as the model takes it.
        name: what pictures call the network; its class by default.
        stages: numbers of stages or names of modules; the last two stages by default.
        category: the class to explain, from 0 to K-1: the true one for a score; the model's own choice by default.
        region: (H, W) bool, where the frame shows what it is an image of; without it there are no scores.
        rule: how scores are computed.

    Raises:
        MissingPackageError: the grad-cam package is not installed.
        StageError: there is no such stage or module.
        RegionError: the region has another size than the frame.
        ExplanationError: the model is no classifier, the class is out of range, or a layer cannot be looked at.
        ModelError: the model has no convolution or does not run on such frames.

    Source: arXiv 2311.12091, Section 4.4 and Figure 4.
    """
    outputs = stage_outputs(model, frame, stages)
    seen = grad_cam(model, frame, [output.module for output in outputs], None if category is None else [category])
    maps = []
    for output, weights in zip(outputs, seen.maps, strict=True):
        score = None if region is None else salient_feature_detection(weights[0], region, rule)
        maps.append(StageMap(output.label, output.name, weights[0], score))
    return Explanation(
        name or type(model).__name__,
        seen.classes[0],
        seen.probabilities[0],
        seen.first_choices[0],
        tuple(maps),
        tuple(look_at_gates(model, frame)),
    )
