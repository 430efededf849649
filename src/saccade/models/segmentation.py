"""Segmenters on any gated backbone, with torchvision's heads."""

from __future__ import annotations

from collections.abc import Callable

from torch import nn
from torchvision.models.segmentation import FCN, DeepLabV3
from torchvision.models.segmentation.deeplabv3 import DeepLabHead
from torchvision.models.segmentation.fcn import FCNHead

from saccade.errors import ModelError
from saccade.gates.attachment import ATTRIBUTE
from saccade.gates.trace import Trace, trace
from saccade.graph import Registry
from saccade.models.create import create
from saccade.models.features import Level, StageFeatures, levels_of

segmenters: Registry[Callable[[nn.Module, nn.Module | None, Level, int], nn.Module]] = Registry("segmenter")
"""Segmenters by name; each takes backbone, auxiliary head, last stage and classes."""

STRIDES = (8, 16, 32)


def segmenter(
    kind: str,
    backbone: str | nn.Module = "resnet50",
    *,
    classes: int = 21,
    stride: int = 8,
    auxiliary: bool = False,
) -> nn.Module:
    """Puts a segmenter on a backbone.

    Args:
        kind: "deeplabv3" or "fcn".
        backbone: a classifier from ``create``, gated or not, or the name of one. Changed in place: its last stages
            are dilated rather than strided.
        classes: number of classes with the background, at least 1.
        stride: pixels to one place of the features: 8, 16 or 32, at most the backbone's own.
        auxiliary: with a second head on the last stage but one, for a second loss.

    Returns:
        A segmenter in training mode that takes images (N, 3, H, W) and returns a dictionary with "out", scores
        (N, classes, H, W), and with "aux" as well where there is a second head.

    Raises:
        RegistryError: there is no such segmenter.
        ModelError: the backbone has too few stages, cannot be cut into them, or not be dilated to the stride.

    Source: Chen et al. 2017 (DeepLabV3); Long et al. 2015 (FCN).
    """
    build = segmenters.get(kind)
    if classes < 1 or stride not in STRIDES:
        raise ModelError(f"classes is {classes} and stride is {stride}; give classes >= 1 and a stride of {STRIDES}")
    model = create(backbone) if isinstance(backbone, str) else backbone
    levels, traced = levels_of(model, 2)
    before_last, last = levels
    dilate(model, traced, stride)
    _check_stride(model, last, stride)
    returned = {before_last.module: "aux", last.module: "out"} if auxiliary else {last.module: "out"}
    # Dilation changes no name and no order, so that the run from before still says how modules follow one another.
    body = StageFeatures(model, returned, traced)
    head = FCNHead(before_last.channels, classes) if auxiliary else None
    return build(body, head, last, classes).train()


@segmenters.register("deeplabv3")
def deeplabv3(body: nn.Module, auxiliary: nn.Module | None, last: Level, classes: int) -> nn.Module:
    """Returns DeepLabV3 on a body."""
    segmenting: nn.Module = DeepLabV3(body, DeepLabHead(last.channels, classes), auxiliary)
    return segmenting


@segmenters.register("fcn")
def fcn(body: nn.Module, auxiliary: nn.Module | None, last: Level, classes: int) -> nn.Module:
    """Returns FCN on a body."""
    segmenting: nn.Module = FCN(body, FCNHead(last.channels, classes), auxiliary)
    return segmenting


def dilate(model: nn.Module, traced: Trace, stride: int) -> None:
    """Makes convolutions that would go beyond a stride dense, and dilates those after them, in place.

    A convolution that no longer strides keeps its own dilation, as in torchvision's ResNets; the padding grows with
    the dilation. Gates stay as they are.

    Args:
        model: a backbone.
        traced: one run of it.
        stride: pixels of the input to one place of the last features.

    Raises:
        ModelError: a convolution pads by a rule rather than by a number.
    """
    modules = dict(model.named_modules())
    side = traced.values[traced.of("")[0].inputs[0]].shape[2]
    for call in traced.calls:
        convolution = modules[call.name]
        gate = ATTRIBUTE in call.name.split(".")
        if not isinstance(convolution, nn.Conv2d) or call.shape is None or gate:
            continue
        before = side / traced.values[call.inputs[0]].shape[2] / stride
        after = side / call.shape[2] / stride
        if after > 1 and max(convolution.stride) > 1:
            convolution.stride = (1, 1)
        factor = max(1, round(before))
        if factor > 1 and max(convolution.kernel_size) > 1:
            _dilate_by(convolution, call.name, factor)


def _check_stride(model: nn.Module, last: Level, stride: int) -> None:
    traced = trace(model)
    side = traced.values[traced.of("")[0].inputs[0]].shape[2]
    shape = traced.of(last.module)[0].shape
    if shape is None or shape[2] * stride != side:
        raise ModelError(
            f"{type(model).__name__} cannot be dilated to a stride of {stride}: something else than convolutions "
            "strides, or its own stride is smaller; give another stride or another backbone"
        )


def _dilate_by(convolution: nn.Conv2d, name: str, factor: int) -> None:
    if isinstance(convolution.padding, str):
        raise ModelError(f"the padding of {name!r} is {convolution.padding!r}; a convolution to dilate needs a number")
    convolution.dilation = tuple(factor * step for step in convolution.dilation)
    convolution.padding = tuple(factor * side for side in convolution.padding)
