"""What a tolerant fine-tuning does, as one value that never changes."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

from saccade.errors import RecipeError


@dataclass(frozen=True)
class TolerantRecipe:
    """A fine-tuning for streams that keep small changes back.

    Attributes:
        steps: of the optimiser.
        batch: pairs of frames a step.
        learning_rate: highest of Adam's, reached after a tenth of the steps and falling to 0 along a cosine.
        thresholds: least and largest simulated threshold, in standard deviations of a layer's values; each step draws
            one between them, uniform in its logarithm.
        softness: width, in thresholds, over which an element counts as partly sent in the expected work.
        work: weight of the expected share of multiply-adds.
        error: weight of the simulated stream's relative squared error.
        faithful: weight of the relative squared difference from the network as it was.
        noise: largest standard deviation of a pair's sensor noise, in grey levels.
        quality: least and largest JPEG quality by which the second frame is re-encoded.
        shift: pixels by which a patch of the second frame moves at most.
        seed: of all draws.
    """

    steps: int = 400
    batch: int = 64
    learning_rate: float = 1e-3
    thresholds: tuple[float, float] = (0.02, 0.3)
    softness: float = 0.2
    work: float = 0.2
    error: float = 1.0
    faithful: float = 1.0
    noise: float = 3.0
    quality: tuple[int, int] = (70, 95)
    shift: int = 3
    seed: int = 0

    def __post_init__(self) -> None:
        limits = {
            "steps": self.steps >= 1,
            "batch": self.batch >= 1,
            "learning_rate": 0 < self.learning_rate < float("inf"),
            "thresholds": 0 < self.thresholds[0] <= self.thresholds[1] < float("inf"),
            "softness": 0 < self.softness < float("inf"),
            "work": 0 <= self.work < float("inf"),
            "error": 0 <= self.error < float("inf"),
            "faithful": 0 <= self.faithful < float("inf"),
            "noise": 0 <= self.noise < float("inf"),
            "quality": 1 <= self.quality[0] <= self.quality[1] <= 100,
            "shift": self.shift >= 0,
            "seed": self.seed >= 0,
        }
        for name, fits in limits.items():
            if not fits:
                raise RecipeError(f"{name}={getattr(self, name)!r} is out of range; see TolerantRecipe.{name}")

    def to_dict(self) -> dict[str, Any]:
        """Returns the fields as plain values."""
        return dataclasses.asdict(self)
