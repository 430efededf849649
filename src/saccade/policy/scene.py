"""When a keyframe is due: the scene was cut, the light changed, or the camera was knocked."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch

from saccade.policy.camera import Landmarks, estimate_motion
from saccade.policy.fields import check_number, check_whole
from saccade.policy.policy import History

_TILES = 4
_FEWEST_TILES = 4
_FEWEST_MOVED = 0.04
_TEXTURE = 5.0
_MOVED = 0.7


@dataclass(frozen=True)
class SceneChange:
    """A rule for policies: a keyframe is due when nearly all of the picture is no longer what the reference was.

    Two causes count. *Brightness*: the mean of most cells of 8 x 8 pixels has made a step, as a cut, a lamp, a camera's
    switch to infra-red or its automatic exposure makes it; noise of the sensor or of the codec averages out over a cell
    and does not count, nor do objects that fill less than that share. *Camera*: most parts of the picture that hold any
    texture changed, and a translation of the whole picture explains it.

    Attributes:
        step: least step of a cell's mean that counts, in grey levels of 0..255.
        share: share of the cells that have to make it, 0..1.
        travel: least translation that counts as a knock, in pixels; infinity to leave knocks alone.
        agreement: least agreement of the landmarks with the translation, 0..1; see ``Motion``.
        apart: frames that lie between two keyframes at least, so that lasting motion does not make every frame one.
    """

    step: float = 5.0
    share: float = 0.5
    travel: float = 2.0
    agreement: float = 0.6
    apart: int = 8

    def __post_init__(self) -> None:
        check_number(self, "step")
        check_number(self, "share", most=1.0)
        check_number(self, "travel", infinite=True)
        check_number(self, "agreement", most=1.0)
        check_whole(self, "apart")

    def is_due(self, frame: torch.Tensor, reference: torch.Tensor, history: History) -> bool:
        """Returns whether the frame should be computed afresh.

        Args:
            frame: (N, C, H, W).
            reference: (N, C, H, W), for each place the value last taken over.
            history: of the stream.
        """
        return self.has_jumped(frame, reference, history) or self.was_knocked(frame, reference, history)

    def has_jumped(self, frame: torch.Tensor, reference: torch.Tensor, history: History) -> bool:
        """Returns whether the frame's brightness makes it due: the first of the two causes, which is told quickly."""
        if history.frames < self.apart or frame.dim() != 4:
            return False
        return history.change(frame, reference).stepped(self.step * history.grey_level) >= self.share

    def was_knocked(self, frame: torch.Tensor, reference: torch.Tensor, history: History) -> bool:
        """Returns whether the camera's motion makes the frame due: the second of the two causes.

        It looks cheaply first: the motion is estimated only where most of the textured tiles changed.
        """
        if history.frames < self.apart or frame.dim() != 4 or not math.isfinite(self.travel):
            return False
        change = history.change(frame, reference)
        least = (_TEXTURE * history.grey_level) ** 2
        squares = torch.from_numpy(change.squares)
        moved = squares > _MOVED**2 * least
        if float(moved.float().mean()) < _FEWEST_MOVED or int((_tiles(moved) > 0).sum()) < _FEWEST_TILES:
            return False
        textures = history.texture_of(reference)
        textured = textures > least
        shares = _tiles(textured)
        has_texture = shares > 0.04
        changed = _tiles(textured & (squares > _MOVED**2 * textures)) > 0.5 * shares
        if int(has_texture.sum()) < _FEWEST_TILES or int((changed & has_texture).sum()) < 0.5 * int(has_texture.sum()):
            return False
        motion = estimate_motion(frame, Landmarks.of(reference))
        return max(abs(motion.y), abs(motion.x)) >= self.travel and motion.agreement >= self.agreement


def _tiles(cells: torch.Tensor) -> torch.Tensor:
    """Returns the share of marked cells (N, rows, columns) in each of 4 x 4 parts of the picture."""
    return torch.nn.functional.adaptive_avg_pool2d(cells.float(), _TILES)
