"""The salient feature detection score: how much of a network's attention lies on what the image shows.

Source: "DAS: A Deformable Attention to Capture Salient Information in CNNs" (arXiv 2311.12091), Section 4.4, Eq. 5:
``sfd = W_r / (W_r + W_n)``. The text leaves open how the weights are scaled, where they count as low and what happens
where nothing is to be divided; every such choice is a field of ``ScoreRule``, whose defaults are the reading under
which the printed values (0.15 to 0.99) are possible.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from saccade.errors import ExplanationError, RegionError

Weights = npt.NDArray[np.floating]
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class ScoreRule:
    """How a score is computed from weights w in [0, 1] and a region R.

    Attributes:
        base: of the antilog scaling ``f(w) = base ** w - 1``; None takes the weights as they are, f(w) = w.
        subtract_one: False takes ``f(w) = base ** w``, which for base 10 keeps every score within [0.091, 0.909].
        threshold: weights from here up, before scaling, count as salient.
        surroundings: which places outside R the network could better have left alone: "box", all that lie in the
            tight box B around R and the salient places; "salient", only the salient ones.

    Raises:
        ExplanationError: a base of 1 or less, a threshold outside [0, 1] or unknown surroundings.
    """

    base: float | None = 10.0
    subtract_one: bool = True
    threshold: float = 0.2
    surroundings: Literal["box", "salient"] = "box"

    def __post_init__(self) -> None:
        if self.base is not None and not 1 < self.base < float("inf"):
            raise ExplanationError(f"base is {self.base}; expected a number above 1, or None for unscaled weights")
        if not 0 <= self.threshold <= 1:
            raise ExplanationError(f"threshold is {self.threshold}; expected a weight from 0 to 1")
        if self.surroundings not in ("box", "salient"):
            raise ExplanationError(f"surroundings is {self.surroundings!r}; expected 'box' or 'salient'")

    def scaled(self, weights: Weights) -> npt.NDArray[np.float64]:
        """Returns f(w) of weights of any shape."""
        exact = np.asarray(weights, dtype=np.float64)
        if self.base is None:
            return exact
        raised: npt.NDArray[np.float64] = np.power(self.base, exact)
        return raised - 1 if self.subtract_one else raised


@dataclass(frozen=True)
class Score:
    """A score and what it is made of.

    Attributes:
        value: sfd, 0 to 1; None where it is not defined.
        inside: W_r, the mean of f(w) over R.
        outside: W_n, the mean of f(w) over B without R; 0 where nothing is left.
        box: B as (left, top, right, bottom) in pixels, edges; None for an empty R.
        skipped: why there is no value; empty where there is one.
    """

    value: float | None
    inside: float = 0.0
    outside: float = 0.0
    box: tuple[int, int, int, int] | None = None
    skipped: str = ""


@dataclass(frozen=True)
class MeanScore:
    """Scores of many images.

    Attributes:
        value: mean of those that are defined; None where none is.
        counted: how many are.
        skipped: how many are not.
    """

    value: float | None
    counted: int
    skipped: int


def salient_feature_detection(weights: Weights, region: Mask, rule: ScoreRule | None = None) -> Score:
    """Returns the score of one image.

    Args:
        weights: (H, W), Grad-CAM's weights w, 0 to 1.
        region: (H, W) bool, R, where the image shows what it was classified as.
        rule: the choices; those of ``ScoreRule()`` by default.

    Raises:
        RegionError: R has another shape than the weights or is not boolean.
        ExplanationError: a weight lies outside [0, 1] or is not a number.

    Source: Eq. 5 of arXiv 2311.12091.
    """
    rule = rule or ScoreRule()
    if region.shape != weights.shape or region.ndim != 2:
        raise RegionError(f"the region is {region.shape} and the weights {weights.shape}; expected (H, W), both equal")
    if region.dtype != np.bool_:
        raise RegionError(f"the region holds {region.dtype}; expected bool, for instance mask != 0")
    if weights.size and not (np.min(weights) >= 0 and np.max(weights) <= 1):
        raise ExplanationError(
            f"the weights reach from {np.min(weights)} to {np.max(weights)}; expected 0 to 1, as grad_cam returns them"
        )
    if not region.any():
        return Score(None, skipped="the region is empty")
    salient = np.asarray(weights >= rule.threshold)
    left, top, right, bottom = _tight_box(region | salient)
    surroundings = np.zeros_like(region)
    surroundings[top:bottom, left:right] = True
    if rule.surroundings == "salient":
        surroundings &= salient
    surroundings &= ~region
    scaled = rule.scaled(weights)
    inside = float(scaled[region].mean())
    outside = float(scaled[surroundings].mean()) if surroundings.any() else 0.0
    box = (left, top, right, bottom)
    if inside + outside == 0:
        return Score(None, inside, outside, box, skipped="the weights are 0 in the region and around it")
    return Score(inside / (inside + outside), inside, outside, box)


def mean_score(scores: Iterable[Score]) -> MeanScore:
    """Returns the mean of the scores that are defined, and how many are not."""
    every = list(scores)
    values = [score.value for score in every if score.value is not None]
    return MeanScore(sum(values) / len(values) if values else None, len(values), len(every) - len(values))


def _tight_box(mask: Mask) -> tuple[int, int, int, int]:
    """Returns (left, top, right, bottom), edges, of the smallest box around what is True."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1
