"""Training images set aside to choose by, so that the test images are looked at once, at the end."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from saccade.errors import DataError
from saccade.training.seeds import Purpose, generator


class Source(Protocol):
    """Images that are read by their indices."""

    @property
    def labels(self) -> Tensor:
        """(N,) int64."""

    @property
    def classes(self) -> tuple[str, ...]:
        """Names, by label."""

    def __len__(self) -> int: ...

    def at(self, indices: Tensor) -> tuple[Tensor, Tensor]:
        """Returns images (N, H, W, 3) uint8 and labels (N,) at some indices (N,) int64."""


@dataclass(frozen=True)
class Splits:
    """The images of a run.

    Attributes:
        training: to train on.
        validation: held out of the training images, to choose the best weights by; or None.
        test: to measure with at the end.
    """

    training: Source
    validation: Source | None
    test: Source


class Subset:
    """Some of the images of a source.

    Args:
        whole: all of them.
        chosen: (N,) int64, where they are in the whole.
    """

    def __init__(self, whole: Source, chosen: Tensor) -> None:
        self.whole = whole
        self.chosen = chosen
        self.labels = whole.labels[chosen]
        self.classes = whole.classes

    def __len__(self) -> int:
        return len(self.chosen)

    def at(self, indices: Tensor) -> tuple[Tensor, Tensor]:
        """Returns images (N, H, W, 3) uint8 and labels (N,) at some indices (N,) int64."""
        return self.whole.at(self.chosen[indices])


def hold_out(images: Source, share: float, seed: int) -> tuple[Source, Source | None]:
    """Splits images into those to train on and those to choose by, by chance but with the same share of every class.

    Args:
        images: to split.
        share: of each class to hold out, 0..1, rounded to whole images; 0 for none.
        seed: of the choice.

    Returns:
        The rest, and those held out or None.

    Raises:
        DataError: a class is too small for one image on either side.
    """
    if share == 0:
        return images, None
    held = torch.zeros(len(images), dtype=torch.bool)
    for label, name in enumerate(images.classes):
        own = torch.nonzero(images.labels == label).flatten()
        count = math.floor(share * len(own) + 0.5)
        if not 0 < count < len(own):
            raise DataError(
                f"validation={share:g} holds out {count} of the {len(own)} images of class {name!r}; expected at least "
                "one held out and one left: give another share, or more images"
            )
        order = torch.randperm(len(own), generator=generator(seed, Purpose.VALIDATION, label))
        held[own[order[:count]]] = True
    return Subset(images, torch.nonzero(~held).flatten()), Subset(images, torch.nonzero(held).flatten())
