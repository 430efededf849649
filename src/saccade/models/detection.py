"""Detectors on any gated backbone: a feature pyramid over its stages, and torchvision's heads."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Any

from torch import Tensor, nn
from torchvision.models.detection import FasterRCNN, MaskRCNN, RetinaNet
from torchvision.models.detection.anchor_utils import AnchorGenerator
from torchvision.ops.feature_pyramid_network import (
    ExtraFPNBlock,
    FeaturePyramidNetwork,
    LastLevelMaxPool,
    LastLevelP6P7,
)

from saccade.errors import ModelError
from saccade.graph import Registry
from saccade.models.create import create
from saccade.models.features import Level, StageFeatures, levels_of
from saccade.models.frozen import freeze_batchnorms

detectors: Registry[Callable[..., nn.Module]] = Registry("detector")
"""Detectors by name; each takes a backbone and what ``detector`` says."""

PYRAMID_CHANNELS = 256
COCO_CLASSES = 91
"""COCO's category numbers go up to 90, and 0 is the background; it has 80 categories, so 81 without the gaps."""


class PyramidBackbone(nn.Module):
    """A gated backbone and a feature pyramid, with the names that torchvision's detectors give to theirs.

    Args:
        body: returns the stages' outputs by name, finest first.
        channels: channels of each.
        extra: makes the coarser maps from the coarsest one.
    """

    def __init__(self, body: nn.Module, channels: list[int], extra: ExtraFPNBlock) -> None:
        super().__init__()
        self.body = body
        self.fpn = FeaturePyramidNetwork(channels, PYRAMID_CHANNELS, extra)
        self.out_channels = PYRAMID_CHANNELS

    def forward(self, images: Tensor) -> OrderedDict[str, Tensor]:
        """Returns the pyramid's maps, each (N, 256, H, W), finest first."""
        maps: OrderedDict[str, Tensor] = self.fpn(self.body(images))
        return maps


def detector(
    kind: str,
    backbone: str | nn.Module = "resnet50",
    *,
    classes: int = COCO_CLASSES,
    frozen_norms: bool = True,
    **options: Any,
) -> nn.Module:
    """Puts a detector on a backbone.

    Args:
        kind: "faster_rcnn", "mask_rcnn" or "retinanet".
        backbone: a classifier from ``create``, gated or not, of which the stages up to the last are used; or the name
            of one. Changed in place.
        classes: number of classes with the background, at least 2; 91 for COCO's own numbers, 81 for numbers without
            gaps.
        frozen_norms: batch norms of the backbone keep the values they have, as detectors are trained; those of gates
            learn.
        **options: those of torchvision's class, such as ``min_size`` and ``max_size``, in pixels.

    Returns:
        A detector in training mode, called as torchvision's are: with a list of images (3, H, W) in 0..1 and, in
        training, targets.

    Raises:
        RegistryError: there is no such detector.
        ModelError: the backbone has too few stages or cannot be cut into them.

    Example:
        model = saccade.models.detector("faster_rcnn", saccade.models.create("resnet50", gate="das"), classes=81)
    """
    build = detectors.get(kind)
    if classes < 2:
        raise ModelError(f"classes is {classes}; give at least 2, the background and one more")
    model = create(backbone) if isinstance(backbone, str) else backbone
    if frozen_norms:
        model = freeze_batchnorms(model)
    return build(model, classes, **options).train()


@detectors.register("faster_rcnn")
def faster_rcnn(model: nn.Module, classes: int, **options: Any) -> FasterRCNN:
    """Returns Faster R-CNN with a feature pyramid (Ren et al. 2015, Lin et al. 2017)."""
    return FasterRCNN(_pyramid(model, LastLevelMaxPool()), classes, **_with_anchors(options))


@detectors.register("mask_rcnn")
def mask_rcnn(model: nn.Module, classes: int, **options: Any) -> MaskRCNN:
    """Returns Mask R-CNN with a feature pyramid (He et al. 2017)."""
    return MaskRCNN(_pyramid(model, LastLevelMaxPool()), classes, **_with_anchors(options))


@detectors.register("retinanet")
def retinanet(model: nn.Module, classes: int, **options: Any) -> RetinaNet:
    """Returns RetinaNet on the strides 8, 16 and 32 and two coarser maps (Lin et al. 2017)."""
    sizes = tuple((side, int(side * 2 ** (1 / 3)), int(side * 2 ** (2 / 3))) for side in (32, 64, 128, 256, 512))
    options.setdefault("anchor_generator", AnchorGenerator(sizes, ((0.5, 1.0, 2.0),) * len(sizes)))
    return RetinaNet(_pyramid(model, LastLevelP6P7(PYRAMID_CHANNELS, PYRAMID_CHANNELS), 3), classes, **options)


def _with_anchors(options: dict[str, Any]) -> dict[str, Any]:
    """Returns the options with one anchor size a map, 32 to 512 pixels, as the published pyramid detectors have."""
    sizes = ((32,), (64,), (128,), (256,), (512,))
    return {"rpn_anchor_generator": AnchorGenerator(sizes, ((0.5, 1.0, 2.0),) * len(sizes)), **options}


def _pyramid(model: nn.Module, extra: ExtraFPNBlock, count: int = 4) -> PyramidBackbone:
    levels, traced = levels_of(model, count)
    named: dict[str, Level] = {str(number): level for number, level in enumerate(levels)}
    body = StageFeatures(model, {level.module: name for name, level in named.items()}, traced)
    return PyramidBackbone(body, [level.channels for level in levels], extra)
