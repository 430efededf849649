"""What counts as a change. A policy is a frozen dataclass; the named ones are in the registry ``policies``."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum

import torch

from saccade.errors import PolicyError
from saccade.graph import Registry
from saccade.policy.allowance import Allowance, Outlook
from saccade.policy.change import CellChange, compare_cells
from saccade.policy.tolerance import Tolerance


class Verdict(Enum):
    """What is done with a frame.

    Attributes:
        HOLD: nothing is computed; the last outputs stand.
        UPDATE: what changed is recomputed.
        KEYFRAME: everything is computed afresh, and nothing of earlier frames is kept.
    """

    HOLD = "hold"
    UPDATE = "update"
    KEYFRAME = "keyframe"


@dataclass(slots=True)
class History:
    """What a stream did before the frame that is judged.

    Attributes:
        frames: since the last keyframe, which is not counted itself.
        held: frames in a row that were held, up to this one.
        grey_level: the size of one of 256 grey levels in the frame's units: (largest - smallest) / 255 of the last
            keyframe; 1 for frames of uint8.
        compare: measures the change between two frames; a session hands in its native sweep.
        textures: holds what ``texture_of`` measured a few frames ago, or nothing yet.
        outlook: what the stream learned of its errors, where the policy has an ``allowance``; None on its first frame.
    """

    frames: int
    held: int
    grey_level: float
    compare: Callable[[torch.Tensor, torch.Tensor], CellChange] = compare_cells
    textures: list[torch.Tensor] = field(default_factory=list, compare=False)
    outlook: Outlook | None = None
    _compared: tuple[torch.Tensor | None, torch.Tensor | None] = field(default=(None, None), init=False, repr=False)
    _change: CellChange | None = field(default=None, init=False, repr=False)
    _foreseen: float | None = field(default=None, init=False, repr=False)

    def change(self, frame: torch.Tensor, reference: torch.Tensor) -> CellChange:
        """Returns how a frame differs from the reference; measured once, however many rules ask in turn."""
        if self._change is None or self._compared[0] is not frame or self._compared[1] is not reference:
            self._change, self._compared, self._foreseen = self.compare(frame, reference), (frame, reference), None
        return self._change

    def foreseen(self, frame: torch.Tensor, reference: torch.Tensor) -> float:
        """Returns the relative error that is foreseen if the frame is held; infinity where nothing was learned yet."""
        change = self.change(frame, reference)
        if self._foreseen is None:
            self._foreseen = math.inf if self.outlook is None else self.outlook.foreseen(change)
        return self._foreseen

    def texture_of(self, reference: torch.Tensor) -> torch.Tensor:
        """Returns the mean squared deviation of each cell from its mean, (N, rows, columns), in squared units.

        It may be that of a reference a few frames older: the texture of a picture changes slowly.
        """
        if not self.textures:
            change = self.compare(reference, torch.zeros_like(reference))
            self.textures.append(torch.from_numpy(change.squares - change.steps))
        return self.textures[0]


@dataclass(frozen=True)
class Policy:
    """Decides which frames are computed, which places of an input are taken over, and what is passed on by layers.

    A policy keeps no state: whatever it has to know of earlier frames is handed to it.
    """

    def check_runnable(self) -> None:
        """Checks that the engine can run the policy; asked when it is resolved, before any frame.

        Raises:
            PolicyError: when it cannot; says what can.
        """

    def seen(self, frame: torch.Tensor, reference: torch.Tensor | None) -> torch.Tensor:
        """Returns what the stream takes for its new frame; everything else, a dense pass too, is asked of that.

        Args:
            frame: an input's new frame, (N, C, H, W) for pictures; not to be changed.
            reference: of the same shape, for each place the value last taken over, not to be changed; None for a
                stream's first frame.

        Returns:
            A contiguous tensor of the frame's shape and type.
        """
        del reference
        return frame

    @property
    def sees_all(self) -> bool:
        """Whether ``seen`` returns every frame as it is: then nobody needs to look up what was taken last."""
        return type(self).seen is Policy.seen

    def judge(self, frame: torch.Tensor, reference: torch.Tensor, history: History) -> Verdict:
        """Decides what is done with a frame, before anything is computed. Not asked about a stream's first frame.

        Args:
            frame: (N, C, H, W), the first input's new frame. No frame is held while another input changes.
            reference: (N, C, H, W), for each place the value last taken over; not to be changed. It is the engine's
                own memory: what is kept of it beyond this call has to be cloned.
            history: of the stream.
        """
        del frame, reference, history
        return Verdict.UPDATE

    def changes(self, frame: torch.Tensor, reference: torch.Tensor) -> torch.Tensor | None:
        """Returns which places of ``frame`` to take over.

        Args:
            frame: (N, C, H, W), the new frame.
            reference: (N, C, H, W), for each place the value last taken over; not to be changed.

        Returns:
            (N, H, W), boolean; or None to let the engine take every place that differs in any bit.
        """
        del frame, reference
        return None

    @property
    def tolerance(self) -> Tolerance | None:
        """What layers may keep from each other, fixed when a program is made; None passes every change on."""
        return None

    @property
    def allowance(self) -> Allowance | None:
        """The error to keep within, of which a stream then learns; None where the policy goes by other rules."""
        return None

    @property
    def exact(self) -> bool:
        """Whether outputs equal a dense pass bit for bit."""
        return False

    @classmethod
    def parse(cls, text: str) -> Policy:
        """Returns the policy that ``text`` behind the colon of ``name:text`` asks for.

        Raises:
            PolicyError: where the policy takes none, or not this one.
        """
        raise PolicyError(f"the policy {cls.__name__.lower()!r} takes nothing behind its name; {text!r} was given")


policies: Registry[type[Policy]] = Registry("policy")


@policies.register("exact")
@dataclass(frozen=True)
class Exact(Policy):
    """Every bit that changed counts: outputs are identical to a dense pass of the same engine."""

    @property
    def exact(self) -> bool:
        """Always True."""
        return True
