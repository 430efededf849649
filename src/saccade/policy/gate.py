"""A gate on whole frames: one that hardly differs from the last computed one is not computed."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from saccade.policy.change import compare_cells
from saccade.policy.fields import check_number, check_whole, number_behind
from saccade.policy.policy import History, Policy, Verdict, policies


def mean_change(frame: torch.Tensor, reference: torch.Tensor) -> float:
    """Returns the mean over cells of 8 x 8 pixels of the root mean square difference, in the frame's units.

    Args:
        frame: (N, C, H, W).
        reference: of the same shape and type.
    """
    return compare_cells(frame, reference).mean


@policies.register("gate")
@dataclass(frozen=True)
class Gate(Policy):
    """Holds a frame whose mean change from the last computed frame is small; computes the others as ``exact`` does.

    Attributes:
        levels: largest mean change that is held, in grey levels of 0..255; see ``mean_change``.
        longest: frames that are held in a row at most.
    """

    levels: float = 1.5
    longest: int = 8

    def __post_init__(self) -> None:
        check_number(self, "levels")
        check_whole(self, "longest")

    def judge(self, frame: torch.Tensor, reference: torch.Tensor, history: History) -> Verdict:
        """Holds where the mean change is small, unless ``longest`` frames have been held already."""
        if history.held >= self.longest:
            return Verdict.UPDATE
        change = history.change(frame, reference).mean
        return Verdict.HOLD if change <= self.levels * history.grey_level else Verdict.UPDATE

    @classmethod
    def parse(cls, text: str) -> Gate:
        """Reads "gate:1.5"."""
        return cls(number_behind("gate", text, "number of grey levels", "1.5"))
