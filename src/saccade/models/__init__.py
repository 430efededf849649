"""Backbones with gates in named places, and detectors and segmenters on top of them.

>>> model = saccade.models.create("resnet50", gate="das", where="stages")
>>> detector = saccade.models.detector("faster_rcnn", model, classes=81)
>>> segmenter = saccade.models.segmenter("deeplabv3", saccade.models.create("resnet50", gate="das"))
"""

from saccade.models.create import create
from saccade.models.detection import detector, detectors
from saccade.models.frozen import freeze_batchnorms
from saccade.models.placement_study import PlacementStudy, Variant
from saccade.models.segmentation import segmenter, segmenters

__all__ = [
    "PlacementStudy",
    "Variant",
    "create",
    "detector",
    "detectors",
    "freeze_batchnorms",
    "segmenter",
    "segmenters",
]
