"""The paper's second demonstration: a network that runs inside the boxes of changed regions only.

Paper: webcam frames, segmentation only where something moved; no figures are given.
Expected: far less work than a dense pass where little moves, and wrong wherever the network would have looked beyond
the box, or where a change was smaller than the rule's.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from saccade.errors import ModelError
from saccade.policy.regions import Region, RegionRule

Picture = npt.NDArray[np.uint8]


class BoxedModel:
    """A segmentation network and the last output, of which only changed boxes are replaced.

    Args:
        model: gives an output of the frame's height and width, alone or among others; in eval mode.
        rule: what counts as a changed region.
        prepare: from a picture (H, W, 3) uint8 to the model's frame (1, C, H, W), without changing its size.
        consumed: compare each pixel with the one last segmented, not with the frame before.
    """

    def __init__(
        self, model: nn.Module, rule: RegionRule, prepare: Callable[[Picture], torch.Tensor], *, consumed: bool = False
    ) -> None:
        self.regions: list[Region] = []
        self._model = model
        self._rule = rule
        self._prepare = prepare
        self._consumed = consumed
        self._before: Picture | None = None
        self._output: torch.Tensor | None = None
        self._macs: dict[tuple[int, ...], int] = {}

    def __call__(self, rgb: Picture) -> torch.Tensor:
        """Returns the output (1, K, H, W) for the next picture (H, W, 3), dense for the first one or a new size.

        Afterwards ``regions`` holds the boxes that were computed, none of a dense frame.

        Raises:
            ModelError: when the model has no output of the picture's size, or fails on a box.
        """
        frame, before = self._prepare(rgb), self._before
        if self._output is None or before is None or before.shape != rgb.shape:
            self.regions = []
            self._output = picture_output(self._model(frame), frame)
            self._before = rgb.copy()
            return self._output
        self.regions = self._rule.find(rgb, before)
        output = self._output.clone()
        for region in self.regions:
            rows, columns = region.slices
            box = frame[..., rows, columns].contiguous(memory_format=torch.channels_last)
            try:
                output[..., rows, columns] = picture_output(self._model(box), box)
            except RuntimeError as error:
                raise ModelError(
                    f"the model fails on a box of {region.shape[0]} x {region.shape[1]} pixels ({error}); give regions "
                    "of more pixels, or grow their boxes"
                ) from error
        if self._consumed:
            for region in self.regions:
                before[region.slices] = rgb[region.slices]
        else:
            self._before = rgb.copy()
        self._output = output
        return output

    def macs(self, rgb: Picture) -> tuple[int, int]:
        """Returns the multiply-adds of the boxes of the last frame, and those of a dense pass over it."""
        frame = self._prepare(rgb)
        boxes = [frame[..., rows, columns] for rows, columns in (region.slices for region in self.regions)]
        return sum(map(self._count, boxes)), self._count(frame)

    def _count(self, frame: torch.Tensor) -> int:
        shape = tuple(frame.shape)
        if shape not in self._macs:
            with FlopCounterMode(display=False) as counter:
                self._model(frame)
            self._macs[shape] = counter.get_total_flops() // 2
        return self._macs[shape]


def picture_output(outputs: Any, frame: torch.Tensor) -> torch.Tensor:
    """Returns the first tensor (1, K, H, W) among a model's outputs that is as large as the frame.

    Raises:
        ModelError: when there is none.
    """
    leaves = [leaf for leaf in torch.utils._pytree.tree_leaves(outputs) if isinstance(leaf, torch.Tensor)]
    for leaf in leaves:
        if leaf.ndim == 4 and leaf.shape[-2:] == frame.shape[-2:]:
            return leaf
    shapes = ", ".join(str(tuple(leaf.shape)) for leaf in leaves[:4]) or "none"
    raise ModelError(
        f"the model's outputs have the shapes {shapes}; expected one of (1, K, {frame.shape[-2]}, {frame.shape[-1]}): "
        "give a segmentation model, such as torchvision:deeplabv3_mobilenet_v3_large"
    )


def labels(output: torch.Tensor) -> torch.Tensor:
    """Returns each pixel's class (H, W): the largest of several channels, or whether a single one is positive."""
    return output[0].argmax(0) if output.shape[1] > 1 else (output[0, 0] > 0).long()
