"""torchvision's detectors: their convolutional part is captured, the rest stays in Python.

A detector does not export whole: the number of boxes depends on the image. Its backbone and heads do, and they are
where the time goes; the transform, the anchors, the proposals, non-maximum suppression and the heads of each region run
as they are.
"""

from __future__ import annotations

import copy
import sys
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from saccade.errors import CaptureError

Run = Callable[[torch.Tensor], tuple["OrderedDict[str, torch.Tensor]", Any]]
"""Takes the batched images (N, C, H, W); returns what ConvolutionalPart.forward returns."""


class ConvolutionalPart(nn.Module):
    """A detector's backbone followed by the head that sees whole feature maps.

    Args:
        backbone: the detector's own backbone.
        head: the region proposal network's head, or the detector's only head.
    """

    def __init__(self, backbone: nn.Module, head: nn.Module) -> None:
        super().__init__()
        self.backbone = backbone
        self.head = head
        self.train(backbone.training)

    def forward(self, images: torch.Tensor) -> tuple[OrderedDict[str, torch.Tensor], Any]:
        """Returns the feature maps by name and the head's outputs for images (N, C, H, W)."""
        features = self.backbone(images)
        if isinstance(features, torch.Tensor):
            features = OrderedDict([("0", features)])
        return features, self.head(list(features.values()))


@dataclass(frozen=True, eq=False)
class DetectorParts:
    """A detector cut in two.

    Attributes:
        model: the detector, as it was given.
        convolutional: its backbone and head on batched images.
        head_path: names of the modules that lead from the detector to the head.
    """

    model: nn.Module
    convolutional: ConvolutionalPart
    head_path: tuple[str, ...]

    @property
    def channels(self) -> int:
        """Channels of an image."""
        transform: Any = self.model.transform
        return len(transform.image_mean)

    def shell(self, run: Run) -> nn.Module:
        """Returns a detector that asks ``run`` for its feature maps and head outputs, once for each call.

        The parameters are shared with the detector, which is not modified. One shell serves one stream.

        Args:
            run: takes the batched images (N, C, H, W) and returns what ``convolutional`` returns for them.
        """
        served = _Served(run)
        replaced = _with_children(self.model, {"backbone": _ServedBackbone(served)})
        return _replace(replaced, self.head_path, _ServedHead(served))


class _Served:
    """Holds the head's outputs between the backbone's call and the head's."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._head_outputs: list[Any] = []

    def features(self, images: torch.Tensor) -> OrderedDict[str, torch.Tensor]:
        features, head_outputs = self._run(images)
        self._head_outputs = [head_outputs]
        return features

    def head_outputs(self) -> Any:
        if not self._head_outputs:
            raise CaptureError("the detector called its head before its backbone; call the shell with a list of images")
        return self._head_outputs.pop()


class _ServedBackbone(nn.Module):
    def __init__(self, served: _Served) -> None:
        super().__init__()
        self._served = served
        self.eval()

    def forward(self, images: torch.Tensor) -> OrderedDict[str, torch.Tensor]:
        return self._served.features(images)


class _ServedHead(nn.Module):
    def __init__(self, served: _Served) -> None:
        super().__init__()
        self._served = served
        self.eval()

    def forward(self, features: list[torch.Tensor]) -> Any:
        return self._served.head_outputs()


def _with_children(module: nn.Module, children: dict[str, nn.Module]) -> nn.Module:
    """Returns a shallow copy of a module with some children replaced; parameters and other children are shared."""
    clone = copy.copy(module)
    clone.__dict__["_modules"] = {**module._modules, **children}
    return clone


def _replace(module: nn.Module, path: tuple[str, ...], leaf: nn.Module) -> nn.Module:
    """Returns a copy of a module, and of those along the path, with the module at the path's end replaced."""
    name, *rest = path
    child = _replace(module.get_submodule(name), tuple(rest), leaf) if rest else leaf
    return _with_children(module, {name: child})


def convolutional_part(model: nn.Module) -> DetectorParts | None:
    """Cuts one of torchvision's detectors in two: Faster, Mask and Keypoint R-CNN, RetinaNet, FCOS, SSD, SSDlite.

    Args:
        model: any module, in eval mode.

    Returns:
        The parts, or None where the model is not such a detector.
    """
    path = _head_path(model)
    if path is None:
        return None
    head = model.get_submodule(".".join(path))
    return DetectorParts(model, ConvolutionalPart(model.get_submodule("backbone"), head), path)


def _head_path(model: nn.Module) -> tuple[str, ...] | None:
    # A model can only be one of these detectors when their module is loaded; loading torchvision takes a second.
    detection = sys.modules.get("torchvision.models.detection")
    if detection is None:
        return None
    if isinstance(model, detection.faster_rcnn.GeneralizedRCNN):
        return ("rpn", "head")
    one_stage = (detection.RetinaNet, detection.FCOS, detection.ssd.SSD)
    return ("head",) if isinstance(model, one_stage) else None
