"""How right a contender is, and how much it computed."""

from __future__ import annotations

import statistics
from collections.abc import Iterable
from dataclasses import dataclass, field

import torch

from saccade.experiments.spatial_attention.contenders import Contender
from saccade.experiments.spatial_attention.settings import Shown


@dataclass
class Quality:
    """What a contender got right, over draws of digits.

    Attributes:
        right: for every draw, whether each frame was told right.
        agreeing: frames on which it tells the same digit as CNN1.
        largest_difference: largest absolute difference of an output from CNN1's over all frames.
        macs_done, macs_dense: multiply-adds, and those of dense passes.
        told: the different digits that were told; one alone is a constant prediction.
    """

    right: dict[int, list[bool]] = field(default_factory=dict)
    agreeing: int = 0
    largest_difference: float = 0.0
    macs_done: int = 0
    macs_dense: int = 0
    told: set[int] = field(default_factory=set)

    @property
    def frames(self) -> int:
        """How many frames were looked at."""
        return sum(map(len, self.right.values()))

    @property
    def accuracies(self) -> list[float]:
        """The share of frames told right, for each draw."""
        return [statistics.fmean(right) for right in self.right.values()]

    @property
    def accuracy(self) -> float:
        """The mean over the draws."""
        return statistics.fmean(self.accuracies)

    @property
    def spread(self) -> float:
        """The standard deviation over the draws; 0 for one."""
        return statistics.stdev(self.accuracies) if len(self.right) > 1 else 0.0

    @property
    def work(self) -> float:
        """The share of the multiply-adds that were executed."""
        return self.macs_done / self.macs_dense

    def accuracies_along(self, frames: int) -> list[float]:
        """Returns the share told right of every first, second, ... frame of sequences of so many frames."""
        everything = [right for of_draw in self.right.values() for right in of_draw]
        return [statistics.fmean(everything[step::frames]) for step in range(frames)]

    def add(
        self, shown: Shown, outputs: list[torch.Tensor], expected: list[torch.Tensor], macs: tuple[int, int]
    ) -> None:
        """Counts a sequence.

        Args:
            shown: what was seen.
            outputs: the contender's, (1, 10) for each frame.
            expected: CNN1's.
            macs: multiply-adds done and dense.
        """
        for output, other in zip(outputs, expected, strict=True):
            self.right.setdefault(shown.draw, []).append(int(output.argmax()) == shown.label)
            self.told.add(int(output.argmax()))
            self.agreeing += int(output.argmax()) == int(other.argmax())
            self.largest_difference = max(self.largest_difference, float((output - other).abs().max()))
        self.macs_done += macs[0]
        self.macs_dense += macs[1]

    def to_dict(self) -> dict[str, float | int | list[float]]:
        """Returns plain values."""
        return {
            "frames": self.frames,
            "accuracy": self.accuracy,
            "accuracy_spread": self.spread,
            "accuracy_of_each_draw": self.accuracies,
            "work": self.work,
            "different_digits_told": len(self.told),
            "frames_that_tell_the_same_as_cnn1": self.agreeing,
            "largest_difference_from_cnn1": self.largest_difference,
        }


def judge(
    contenders: dict[str, Contender], sequences: Iterable[Shown], expected: Contender
) -> tuple[dict[str, Quality], Quality]:
    """Returns the quality of every contender on some sequences, untimed, and that of CNN1.

    Args:
        contenders: by name.
        sequences: what to show.
        expected: CNN1.
    """
    qualities, own = {name: Quality() for name in contenders}, Quality()
    for shown in sequences:
        right = expected.watch(shown.frames)
        own.add(shown, right, right, expected.macs())
        for name, contender in contenders.items():
            qualities[name].add(shown, contender.watch(shown.frames), right, contender.macs())
    return qualities, own
