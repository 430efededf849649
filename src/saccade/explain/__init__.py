"""What a network looks at: Grad-CAM, the gates' own maps, and the salient feature detection score.

    >>> seen = saccade.explain.explain(model, frame, category=281, region=mask)
    >>> seen.stages[-1].weights, seen.stages[-1].score.value, seen.gates

A model comes back exactly as it was given: no hook, gradient or mode of it is changed.
"""

from saccade.explain.explanation import Explanation, StageMap, explain
from saccade.explain.figure import comparison_figure, gates_figure
from saccade.explain.framing import Framing
from saccade.explain.gate_map import GateView, look_at_gates
from saccade.explain.grad_cam import Explained, grad_cam
from saccade.explain.grounding import Grounding, GroundingRule
from saccade.explain.heat_map import overlay
from saccade.explain.labels import Label, LabelsFile, read_labels
from saccade.explain.mask import find_mask, read_mask
from saccade.explain.photograph import read_photograph
from saccade.explain.score import MeanScore, Score, ScoreRule, mean_score, salient_feature_detection
from saccade.explain.stages import StageOutput, stage_outputs

__all__ = [
    "Explained",
    "Explanation",
    "Framing",
    "GateView",
    "Grounding",
    "GroundingRule",
    "Label",
    "LabelsFile",
    "MeanScore",
    "Score",
    "ScoreRule",
    "StageMap",
    "StageOutput",
    "comparison_figure",
    "explain",
    "find_mask",
    "gates_figure",
    "grad_cam",
    "look_at_gates",
    "mean_score",
    "overlay",
    "read_labels",
    "read_mask",
    "read_photograph",
    "salient_feature_detection",
    "stage_outputs",
]
