"""Policies that keep within an error, in the mean over frames, and spend it where that saves most."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import torch

from saccade.policy.allowance import Allowance
from saccade.policy.fields import check_kind, check_number, check_whole, number_behind
from saccade.policy.policy import History, Policy, Verdict, policies
from saccade.policy.scene import SceneChange
from saccade.policy.tolerance import Tolerance
from saccade.policy.tolerant import EVERY_LAYER, FEWEST

WIDE_LAYERS = 512.0
"""A least cost from which deltas save clearly more time than comparing takes; narrower layers about break even."""


@policies.register("balanced")
@dataclass(frozen=True)
class Balanced(Policy):
    """Keeps within an error in the least time: holds frames while their error is foreseen to be allowed.

    What holding costs is learned: whenever a frame is computed after others were held, the difference between its
    outputs and the last ones is the error that one more held frame would have had. Layers that are wide enough to gain
    time by it are told single elements only, by how much the outputs depend on them; each of them chooses every frame
    between deltas and whole places by what they take on this machine. A network without such layers is exact between
    held frames. A change of scene is a keyframe.

    Attributes:
        error: relative L2 error of the outputs that is allowed in the mean over frames; None for 90 % of what
            re-encoding the frames as JPEG of quality 90 makes, which is measured; see ``Allowance``.
        layers: share of it that layers may use by what they do not tell each other; see ``Tolerance``.
        longest: frames that are held in a row at most.
        scene: when a frame that is not held is computed afresh; None for never. Knocks of the camera are left alone:
            to look for them takes longer than what an update after one loses.
    """

    error: float | None = None
    layers: float = 0.6
    longest: int = 16
    scene: SceneChange | None = field(default_factory=lambda: SceneChange(travel=math.inf))

    def __post_init__(self) -> None:
        if self.error is not None:
            check_number(self, "error")
        check_number(self, "layers")
        check_whole(self, "longest")
        check_kind(self, "scene", SceneChange)

    @property
    def allowance(self) -> Allowance:
        """What the error makes it."""
        return Allowance(self.error)

    @property
    def tolerance(self) -> Tolerance:
        """By elements, before wide layers, in units of what is allowed."""
        return Tolerance("element", self.layers, least_cost=WIDE_LAYERS)

    def judge(self, frame: torch.Tensor, reference: torch.Tensor, history: History) -> Verdict:
        """Holds where the allowance admits it, and asks for a keyframe where the scene changed."""
        if self.scene is not None and self.scene.has_jumped(frame, reference, history):
            return Verdict.KEYFRAME
        outlook = history.outlook if history.held < self.longest else None
        if outlook is not None and outlook.allows(history.foreseen(frame, reference)):
            return Verdict.HOLD
        if self.scene is not None and self.scene.was_knocked(frame, reference, history):
            return Verdict.KEYFRAME
        return Verdict.UPDATE

    @classmethod
    def parse(cls, text: str) -> Balanced:
        """Reads "balanced:0.05" or "frugal:0.05": the relative error that is allowed in the mean."""
        return cls(number_behind(cls.__name__.lower(), text, "error", "0.05"))


@policies.register("frugal")
@dataclass(frozen=True)
class Frugal(Balanced):
    """As ``balanced``, with the fewest multiply-adds instead of the least time: for processors that are bound by them.

    Attributes:
        error, layers, longest: as in ``Balanced``.
        scene: as in ``Balanced``, but that knocks count.
        by_place: whether thresholds are lower where the outputs depend on the picture; see ``Tolerance``. It saves
            little, and every keyframe measures anew, for as long as about 17 dense passes in torch.
    """

    scene: SceneChange | None = field(default_factory=SceneChange)
    by_place: bool = True

    @property
    def tolerance(self) -> Tolerance:
        """By elements, everywhere."""
        return Tolerance("element", self.layers, delta_cost=FEWEST, least_cost=EVERY_LAYER, by_place=self.by_place)
