"""Policies that tolerate a stated error: layers tell each other only what matters."""

from __future__ import annotations

from dataclasses import dataclass

from saccade.policy.fields import check_number, number_behind
from saccade.policy.policy import Policy, policies
from saccade.policy.tolerance import Tolerance

FEWEST = 1.0
"""A cost of deltas at which each layer does the fewest multiply-adds, whatever time they take."""
EVERY_LAYER = 8.0
"""A least cost that leaves out only layers whose comparison is more work than they are."""


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

    def __post_init__(self) -> None:
        check_number(self, "threshold")

    @property
    def tolerance(self) -> Tolerance:
        """By elements, everywhere."""
        return Tolerance("element", self.threshold, delta_cost=FEWEST, least_cost=EVERY_LAYER)

    @classmethod
    def parse(cls, text: str) -> Near:
        """Reads "near:0.1"."""
        return cls(number_behind("near", text, "threshold", "0.1"))


@policies.register("deltacnn")
@dataclass(frozen=True)
class DeltaCNN(Policy):
    """The rule of DeltaCNN: a place is passed on when its largest change since it was last passed on is large.

    Source: Parger et al., DeltaCNN: End-to-End CNN Inference of Sparse Frame Differences in Videos, CVPR 2022.

    Attributes:
        threshold: largest difference over the channels that stays, in standard deviations of the layer.
    """

    threshold: float = 0.03

    def __post_init__(self) -> None:
        check_number(self, "threshold")

    @property
    def tolerance(self) -> Tolerance:
        """By places, everywhere."""
        return Tolerance("position", self.threshold, "deviation", "largest", least_cost=EVERY_LAYER)

    @classmethod
    def parse(cls, text: str) -> DeltaCNN:
        """Reads "deltacnn:0.05"."""
        return cls(number_behind("deltacnn", text, "threshold", "0.05"))


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

    def __post_init__(self) -> None:
        check_number(self, "threshold")

    @property
    def tolerance(self) -> Tolerance:
        """By places, everywhere."""
        return Tolerance("position", self.threshold, "absolute", "largest", least_cost=EVERY_LAYER)

    @classmethod
    def parse(cls, text: str) -> CBInfer:
        """Reads "cbinfer:0.05"."""
        return cls(number_behind("cbinfer", text, "threshold", "0.05"))
