"""Regions whose changes never count, such as a time stamp that the camera draws into its picture."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from saccade.errors import PolicyError
from saccade.policy.allowance import Allowance
from saccade.policy.policy import History, Policy, Verdict
from saccade.policy.tolerance import Tolerance


@dataclass(frozen=True, eq=False)
class Ignore(Policy):
    """Another policy that does not see some regions change: there, the stream's first frame stays for good.

    Nothing in these regions is taken over, counts in a gate or makes a keyframe due. Everything else is as with the
    other policy alone: around ``exact``, outputs equal bit for bit a dense pass of the frame whose ignored places hold
    what they held in the first frame.

    Attributes:
        policy: the policy for the rest.
        mask: (H, W), boolean, True where changes are ignored. Best of the frame's size; another size is stretched over
            the frame, and a place counts as ignored as soon as any of it is.
    """

    policy: Policy
    mask: torch.Tensor

    def __post_init__(self) -> None:
        if not isinstance(self.policy, Policy):
            raise PolicyError(f"{self.policy!r} was given to ignore regions for; expected a saccade.policy.Policy")
        if not isinstance(self.mask, torch.Tensor) or self.mask.dtype != torch.bool or self.mask.dim() != 2:
            given = f"{self.mask.dtype} {tuple(self.mask.shape)}" if isinstance(self.mask, torch.Tensor) else self.mask
            raise PolicyError(
                f"a mask of {given} was given; expected a torch.bool tensor (H, W), True where changes are ignored"
            )
        if self.mask.numel() == 0:
            raise PolicyError("an empty mask was given; expected at least one row and one column")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Ignore) and self.policy == other.policy and torch.equal(self.mask, other.mask)

    def __hash__(self) -> int:
        return hash((self.policy, tuple(self.mask.shape)))

    def check_runnable(self) -> None:
        """Checks that the engine runs the other policy."""
        self.policy.check_runnable()

    @property
    def sees_all(self) -> bool:
        """Never: some of its places are those of the reference."""
        return False

    def seen(self, frame: torch.Tensor, reference: torch.Tensor | None) -> torch.Tensor:
        """Returns the frame with the reference in the ignored places."""
        frame = self.policy.seen(frame, reference)
        if reference is None or frame.dim() != 4 or frame.numel() == 0:
            return frame
        mask = self._stretched(tuple(frame.shape[2:]))
        rows, columns = mask.any(1).nonzero(), mask.any(0).nonzero()
        if not len(rows):
            return frame
        box = (..., slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1))
        frame = frame.clone()
        frame[box] = torch.where(mask[box], reference[box], frame[box])
        return frame

    def judge(self, frame: torch.Tensor, reference: torch.Tensor, history: History) -> Verdict:
        """Judges as the other policy does."""
        return self.policy.judge(frame, reference, history)

    def changes(self, frame: torch.Tensor, reference: torch.Tensor) -> torch.Tensor | None:
        """Returns what the other policy takes over, less the ignored places; the frame has been through ``seen``."""
        changes = self.policy.changes(frame, reference)
        return None if changes is None else changes & ~self._stretched(tuple(changes.shape[1:]))

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
        """Whether the other policy is exact, and so is the stream on all that it sees."""
        return self.policy.exact

    def _stretched(self, size: tuple[int, ...]) -> torch.Tensor:
        if tuple(self.mask.shape) == size:
            return self.mask
        return torch.nn.functional.adaptive_max_pool2d(self.mask[None].float(), size)[0] > 0


def box_mask(size: tuple[int, int], boxes: list[tuple[int, int, int, int]]) -> torch.Tensor:
    """Returns a mask (H, W) that is True in the boxes.

    Args:
        size: (H, W).
        boxes: (x, y, width, height) in pixels; what lies outside is left out.

    Raises:
        PolicyError: when a box is empty, begins before the picture or lies outside it.
    """
    mask = torch.zeros(size, dtype=torch.bool)
    for x, y, width, height in boxes:
        if min(x, y) < 0 or min(width, height) < 1 or x >= size[1] or y >= size[0]:
            raise PolicyError(
                f"the box {x},{y},{width},{height} was given; expected x,y,width,height in pixels, of at least one "
                f"pixel and inside a picture of {size[1]} x {size[0]} (width x height)"
            )
        mask[y : y + height, x : x + width] = True
    return mask
