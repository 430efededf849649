"""Keyframes added to another policy: where the scene changes, and at a fixed interval if wanted."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch

from saccade.errors import PolicyError
from saccade.policy.allowance import Allowance
from saccade.policy.fields import check_kind, check_whole
from saccade.policy.policy import History, Policy, Verdict
from saccade.policy.scene import SceneChange
from saccade.policy.tolerance import Tolerance


@dataclass(frozen=True)
class Keyframed(Policy):
    """Another policy that also starts afresh when a keyframe is due; for policies that tolerate an error.

    Attributes:
        policy: decides everything else.
        rule: when a change of scene makes a keyframe due; None for never.
        every: frames from one keyframe to the next at most; 0 for no limit.
    """

    policy: Policy
    rule: SceneChange | None = field(default_factory=SceneChange)
    every: int = 0

    def __post_init__(self) -> None:
        if not isinstance(self.policy, Policy):
            raise PolicyError(f"{self.policy!r} was given to add keyframes to; expected a saccade.policy.Policy")
        check_kind(self, "rule", SceneChange)
        check_whole(self, "every")

    def check_runnable(self) -> None:
        """Checks that the engine runs the other policy."""
        self.policy.check_runnable()

    def seen(self, frame: torch.Tensor, reference: torch.Tensor | None) -> torch.Tensor:
        """Returns what the other policy lets the stream see."""
        return self.policy.seen(frame, reference)

    @property
    def sees_all(self) -> bool:
        """Whether the other policy does."""
        return self.policy.sees_all

    def judge(self, frame: torch.Tensor, reference: torch.Tensor, history: History) -> Verdict:
        """Asks for a keyframe when one is due, and judges as the other policy does when none is."""
        if self.every and history.frames + 1 >= self.every:
            return Verdict.KEYFRAME
        if self.rule is not None and self.rule.is_due(frame, reference, history):
            return Verdict.KEYFRAME
        return self.policy.judge(frame, reference, history)

    def changes(self, frame: torch.Tensor, reference: torch.Tensor) -> torch.Tensor | None:
        """Returns what the other policy takes over."""
        return self.policy.changes(frame, reference)

    @property
    def tolerance(self) -> Tolerance | None:
        """The other policy's."""
        return self.policy.tolerance

    @property
    def allowance(self) -> Allowance | None:
        """The other policy's."""
        return self.policy.allowance

    @property
    def exact(self) -> bool:
        """Whether the other policy is exact; a stream then never judges frames, as no error is there to be shed."""
        return self.policy.exact
