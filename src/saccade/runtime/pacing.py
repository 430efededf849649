"""Which frames of a stream are computed: asks the policy, and keeps what it needs to know of earlier frames."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import torch

from saccade.errors import PolicyError
from saccade.policy import History, Policy, Verdict
from saccade.policy.change import CellChange
from saccade.runtime.account import Account
from saccade.runtime.comparison import compare_cells

_TEXTURE_LASTS = 16
"""Frames after which the texture of a picture is measured again: it changes slowly."""

_TOO_SMALL, _TOO_LARGE = 1.5, 16.0
"""A range of brightnesses was, when a later frame has so many times as large a one, or as small a one: it was that of a
camera that had yet to open its shutter, or of a pixel that was none."""


@dataclass
class Pacing:
    """One stream's frames since the last keyframe.

    Attributes:
        frames: since the last keyframe, which is not counted itself.
        held: frames in a row that were held, up to now.
        grey_level: one of 256 grey levels of the last keyframe, in the frame's units; of a later frame where that one's
            range was another altogether.
        keyframes: how many keyframes there were, the first frame included.
        holds: how many frames were held.
        textures: of the picture, at most one, where a policy asked for it in the last frames; see ``History``.
        account: of the stream's error, where the policy allows one.
        change: of the picture from the frame computed before to the last one that was judged; None where the last
            one is no update or nothing is allowed.
    """

    frames: int = 0
    held: int = 0
    grey_level: float = 1.0
    keyframes: int = 0
    holds: int = 0
    textures: list[torch.Tensor] = field(default_factory=list)
    account: Account | None = None
    change: CellChange | None = None

    def judge(
        self, policy: Policy, frame: torch.Tensor, reference: torch.Tensor | None, may_hold: bool = True
    ) -> Verdict:
        """Returns what is done with a frame.

        Args:
            policy: is asked.
            frame: (N, C, H, W), the first input.
            reference: of the same shape, what was taken of it last; None for a stream's first frame.
            may_hold: whether the last outputs may stand at all; where they may not, a frame to be held is updated.

        Raises:
            PolicyError: when the policy answers with anything but a Verdict.
        """
        verdict = Verdict.KEYFRAME
        if reference is not None:
            if self.frames % _TEXTURE_LASTS == 0:
                self.textures.clear()
            outlook = None if self.account is None else self.account.outlook
            history = History(self.frames, self.held, self.grey_level, compare_cells, self.textures, outlook)
            verdict = policy.judge(frame, reference, history)
            if verdict is Verdict.HOLD and not may_hold:
                verdict = Verdict.UPDATE
            if self.account is not None and outlook is not None:
                error = history.foreseen(frame, reference) if verdict is Verdict.HOLD else outlook.updated
                self.account.spend(0.0 if verdict is Verdict.KEYFRAME else error)
                self.change = history.change(frame, reference) if verdict is Verdict.UPDATE else None
        if verdict is Verdict.KEYFRAME:
            self.begin(frame)
        elif verdict in (Verdict.HOLD, Verdict.UPDATE):
            if self.frames % _TEXTURE_LASTS == 0 or self.frames & (self.frames - 1) == 0:
                self._correct_grey_level(frame)
            self.frames += 1
            self.held = self.held + 1 if verdict is Verdict.HOLD else 0
            self.holds += verdict is Verdict.HOLD
        else:
            raise PolicyError(f"{type(policy).__name__}.judge returned {verdict!r}; expected a saccade.policy.Verdict")
        return verdict

    def begin(self, frame: torch.Tensor) -> None:
        """Counts a keyframe, from which everything is counted anew."""
        self.grey_level = _grey_level(frame)
        self.keyframes += 1
        self.frames = self.held = 0
        self.change = None
        self.textures.clear()

    def _correct_grey_level(self, frame: torch.Tensor) -> None:
        level = _grey_level(frame)
        if level > _TOO_SMALL * self.grey_level or 0 < _TOO_LARGE * level < self.grey_level:
            self.grey_level = level


def _grey_level(frame: torch.Tensor) -> float:
    if not frame.is_floating_point() or frame.numel() == 0:
        return 1.0
    smallest, largest = (float(value) for value in frame.aminmax())
    if not math.isfinite(largest - smallest):
        finite = frame[frame.isfinite()]
        return 1.0 if finite.numel() == 0 else _grey_level(finite)
    return (largest - smallest) / 255
