"""A policy that was calibrated on a clip, as a file that people can read and a stream can load."""

from __future__ import annotations

import math
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal

import pydantic
import torch

from saccade.errors import PolicyError
from saccade.policy.fields import check_kind, check_number, check_whole
from saccade.policy.gate import Gate
from saccade.policy.policy import History, Policy, Verdict
from saccade.policy.scene import SceneChange
from saccade.policy.tolerance import Tolerance

Number = Annotated[float, pydantic.Field(ge=0, allow_inf_nan=False)]


class Held(pydantic.BaseModel, frozen=True, extra="forbid"):
    """What the policy did on the part of the clip that was kept back from the search.

    Attributes:
        frames: of that part.
        error: mean of what the goal limits: relative L2 error, or disagreement.
        percentile_95: of the same.
        work: share of the dense pass's multiply-adds.
    """

    frames: int
    error: Number
    percentile_95: Number
    work: Number


class Profile(pydantic.BaseModel, frozen=True, extra="forbid"):
    """A calibrated policy.

    Attributes:
        version: of the format.
        fingerprint: of the model and its frame size.
        frame: the shape that it was calibrated for, (N, C, H, W).
        threshold, levels, longest: see ``Calibrated``.
        least_cost, delta_cost: see ``Tolerance``.
        sensitivities: by tensor, one number a channel; see ``Tolerance.measure``.
        goal: what was asked for, such as "error 0.1" or "disagreement 0.005 (top1)".
        held_back: how it did on frames that the search had not seen.
        note: what a reader should know besides, such as that no layer is wide enough for thresholds to count.
    """

    version: Literal[1] = 1
    fingerprint: str
    frame: tuple[int, ...]
    threshold: Number
    levels: Number
    longest: Annotated[int, pydantic.Field(ge=0)]
    least_cost: Number
    delta_cost: Annotated[float, pydantic.Field(gt=0, allow_inf_nan=False)] | None
    sensitivities: dict[str, tuple[Number, ...]]
    goal: str
    held_back: Held
    note: str = ""

    def policy(self) -> Calibrated:
        """Returns the policy that the profile describes."""
        return Calibrated(
            self.threshold,
            self.levels,
            self.longest,
            least_cost=self.least_cost,
            delta_cost=self.delta_cost,
            sensitivities=tuple(self.sensitivities.items()),
            fingerprint=self.fingerprint,
        )


@dataclass(frozen=True)
class Calibrated(Policy):
    """A frame gate and layers that tell each other single elements, by numbers that were searched for, or are given.

    Attributes:
        threshold: of elements, in units of sensitivity; see ``Tolerance``.
        levels: mean change of a frame that is held, in grey levels; see ``Gate``.
        longest: frames that are held in a row at most.
        scene: when a frame that is not held is computed afresh; None for never.
        by_place, least_cost, delta_cost: see ``Tolerance``.
        sensitivities: by tensor, one number a channel.
        fingerprint: of the model and frame size that it fits; "" for any.
    """

    threshold: float = 0.1
    levels: float = 2.0
    longest: int = 8
    scene: SceneChange | None = field(default_factory=lambda: SceneChange(travel=math.inf))
    by_place: bool = False
    least_cost: float = 64.0
    delta_cost: float | None = None
    sensitivities: tuple[tuple[str, tuple[float, ...]], ...] = ()
    fingerprint: str = ""

    def __post_init__(self) -> None:
        check_number(self, "threshold")
        check_number(self, "levels")
        check_whole(self, "longest")
        check_kind(self, "scene", SceneChange)
        check_number(self, "least_cost", infinite=True)
        if self.delta_cost is not None:
            check_number(self, "delta_cost", above=True, infinite=True)

    @property
    def tolerance(self) -> Tolerance:
        """By elements, with the measured sensitivities."""
        return Tolerance(
            "element",
            self.threshold,
            delta_cost=self.delta_cost,
            least_cost=self.least_cost,
            by_place=self.by_place,
            sensitivities=self.sensitivities,
            fingerprint=self.fingerprint,
        )

    def judge(self, frame: torch.Tensor, reference: torch.Tensor, history: History) -> Verdict:
        """Holds as ``Gate`` does, and asks for a keyframe where the scene changed."""
        verdict = Gate(self.levels, self.longest).judge(frame, reference, history)
        if verdict is Verdict.UPDATE and self.scene is not None and self.scene.is_due(frame, reference, history):
            return Verdict.KEYFRAME
        return verdict


def read_profile(path: str | os.PathLike[str]) -> Profile:
    """Reads a profile.

    Raises:
        PolicyError: when the file is missing or no profile.
    """
    try:
        return Profile.model_validate_json(Path(path).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise PolicyError(
            f"cannot read the profile {os.fspath(path)!r}: {error}; make one by saccade calibrate"
        ) from None
    except pydantic.ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the file"
        raise PolicyError(
            f"{os.fspath(path)!r} is no profile: {where}: {first['msg']}; make one by saccade calibrate"
        ) from None
