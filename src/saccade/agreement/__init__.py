"""Whether two outputs of one model agree: as numbers, and in what they say of the picture."""

from saccade.agreement import boxes, classes, fastestdet, masks, raw, torchvision_detector, ultraface
from saccade.agreement.choice import fitting_metric
from saccade.agreement.decoder import Decoder, decode, decoders, find_decoder
from saccade.agreement.detections import Detections, matched_overlaps
from saccade.agreement.difference import as_real, identical, named_tensors, relative_error, relative_errors
from saccade.agreement.metric import Disagreement, Metric, metrics, resolve_metric
from saccade.agreement.spread import Spread, json_fields

__all__ = [
    "Decoder",
    "Detections",
    "Disagreement",
    "Metric",
    "Spread",
    "as_real",
    "boxes",
    "classes",
    "decode",
    "decoders",
    "fastestdet",
    "find_decoder",
    "fitting_metric",
    "identical",
    "json_fields",
    "masks",
    "matched_overlaps",
    "metrics",
    "named_tensors",
    "raw",
    "relative_error",
    "relative_errors",
    "resolve_metric",
    "torchvision_detector",
    "ultraface",
]
