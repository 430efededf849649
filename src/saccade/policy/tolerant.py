"""Policies that tolerate a stated error: layers tell each other only what matters."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import torch

from saccade.errors import PolicyError
from saccade.policy.gate import Gate
from saccade.policy.policy import History, Policy, Verdict, policies
from saccade.policy.scene import SceneChange
from saccade.policy.tolerance import Tolerance

FEWEST = 1.0
"""A cost of deltas at which each layer does the fewest multiply-adds, whatever time they take."""
EVERY_LAYER = 8.0
"""A least cost that leaves out only layers whose comparison is more work than they are."""
WIDE_LAYERS = 256.0
"""A least cost from which deltas save clearly more time than comparing takes; narrower layers about break even."""


@policies.register("near")
@dataclass(frozen=True)
class Near(Policy):
    """Passes on single elements that changed by more than next to nothing: nearly exact, with the fewest multiply-adds.

    It saves work, not time, on processors whose dense kernels are fast: a multiply-add by deltas costs two to four
    times one by whole places.

    Attributes:
        threshold: of elements, in units of sensitivity; see ``Tolerance``. 0 is exact but for rounding.
    """

    threshold: float = 0.015

    @property
    def tolerance(self) -> Tolerance:
        """By elements, everywhere."""
        return Tolerance("element", self.threshold, delta_cost=FEWEST, least_cost=EVERY_LAYER)

    @classmethod
    def parse(cls, text: str) -> Near:
        """Reads "near:0.1"."""
        return cls(_number("near", text))


@policies.register("balanced")
@dataclass(frozen=True)
class Balanced(Policy):
    """Holds frames that hardly changed, and passes on single elements by how much the outputs depend on them.

    Each layer chooses every frame between deltas and whole places by what it takes in time on this machine, and only
    layers wide enough to gain time are told by deltas: in a network that has none, what is left is the gate. A change
    of scene is a keyframe.

    Attributes:
        threshold: of elements, in units of sensitivity; see ``Tolerance``.
        levels: mean change of a frame that is held, in grey levels; see ``Gate``.
        longest: frames that are held in a row at most.
        scene: when a frame that is not held is computed afresh; None for never. Knocks of the camera are left alone:
            to look for them takes longer than what an update after one loses.
        by_place: whether thresholds are lower where the outputs depend on the picture; see ``Tolerance``. It saves
            little, and every keyframe measures anew, for as long as about 17 dense passes in torch.
    """

    threshold: float = 0.1
    levels: float = 2.0
    longest: int = 8
    scene: SceneChange | None = field(default_factory=lambda: SceneChange(travel=math.inf))
    by_place: bool = False

    @property
    def tolerance(self) -> Tolerance:
        """By elements, before wide layers."""
        return Tolerance("element", self.threshold, least_cost=WIDE_LAYERS, by_place=self.by_place)

    def judge(self, frame: torch.Tensor, reference: torch.Tensor, history: History) -> Verdict:
        """Holds as ``Gate`` does, and asks for a keyframe where the scene changed."""
        verdict = Gate(self.levels, self.longest).judge(frame, reference, history)
        if verdict is Verdict.UPDATE and self.scene is not None and self.scene.is_due(frame, reference, history):
            return Verdict.KEYFRAME
        return verdict

    @classmethod
    def parse(cls, text: str) -> Balanced:
        """Reads "balanced:0.5" or, with the gate's grey levels, "balanced:0.5,1"."""
        threshold, comma, levels = text.partition(",")
        number = _number("balanced", threshold)
        return cls(number, _number("balanced", levels)) if comma else cls(number)


@policies.register("frugal")
@dataclass(frozen=True)
class Frugal(Balanced):
    """As ``balanced``, with the fewest multiply-adds instead of the least time: for processors that are bound by them.

    Attributes:
        threshold: as in ``Balanced``.
        levels: as in ``Balanced``.
        longest: as in ``Balanced``.
        scene: as in ``Balanced``, but that knocks count.
        by_place: as in ``Balanced``.
    """

    threshold: float = 0.75
    levels: float = 1.0
    longest: int = 8
    scene: SceneChange | None = field(default_factory=SceneChange)
    by_place: bool = True

    @property
    def tolerance(self) -> Tolerance:
        """By elements, everywhere."""
        return Tolerance("element", self.threshold, delta_cost=FEWEST, least_cost=EVERY_LAYER, by_place=self.by_place)


@policies.register("deltacnn")
@dataclass(frozen=True)
class DeltaCNN(Policy):
    """The rule of DeltaCNN: a place is passed on when its largest change since it was last passed on is large.

    Source: Parger et al., DeltaCNN: End-to-End CNN Inference of Sparse Frame Differences in Videos, CVPR 2022.

    Attributes:
        threshold: largest difference over the channels that stays, in standard deviations of the layer.
    """

    threshold: float = 0.03

    @property
    def tolerance(self) -> Tolerance:
        """By places, everywhere."""
        return Tolerance("position", self.threshold, "deviation", "largest", least_cost=EVERY_LAYER)

    @classmethod
    def parse(cls, text: str) -> DeltaCNN:
        """Reads "deltacnn:0.05"."""
        return cls(_number("deltacnn", text))


@policies.register("cbinfer")
@dataclass(frozen=True)
class CBInfer(Policy):
    """The rule of CBinfer: each convolution compares its input with what it last consumed, by an absolute threshold.

    Source: Cavigelli, Degen, Benini: CBinfer: Change-Based Inference for Convolutional Neural Networks on Video Data,
    ICDSC 2017.

    Attributes:
        threshold: largest difference over the channels that stays, in the layer's own units.
    """

    threshold: float = 0.03

    @property
    def tolerance(self) -> Tolerance:
        """By places, everywhere."""
        return Tolerance("position", self.threshold, "absolute", "largest", least_cost=EVERY_LAYER)

    @classmethod
    def parse(cls, text: str) -> CBInfer:
        """Reads "cbinfer:0.05"."""
        return cls(_number("cbinfer", text))


def _number(name: str, text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not (math.isfinite(value) and value >= 0):
        raise PolicyError(f"{name}:{text} was given; expected a finite threshold of 0 or more, such as {name}:0.1")
    return value
