"""Frame skipping: the simplest policy, and the one that every other has to beat at the same cost."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from saccade.errors import PolicyError
from saccade.policy.fields import check_whole
from saccade.policy.policy import History, Policy, Verdict, policies


@policies.register("hold")
@dataclass(frozen=True)
class Hold(Policy):
    """Computes every ``every``-th frame as ``exact`` does and repeats its outputs in between.

    Attributes:
        every: 1 or more.
    """

    every: int = 2

    def __post_init__(self) -> None:
        check_whole(self, "every", least=1)

    def judge(self, frame: torch.Tensor, reference: torch.Tensor, history: History) -> Verdict:
        """Holds until ``every`` - 1 frames have been held."""
        del frame, reference
        return Verdict.HOLD if history.held + 1 < self.every else Verdict.UPDATE

    @classmethod
    def parse(cls, text: str) -> Hold:
        """Reads "hold:3"."""
        if not text.isdecimal() or int(text) < 1:
            raise PolicyError(f"hold:{text} was given; expected a whole number from 1 up, such as hold:2")
        return cls(int(text))
