"""How large a run is, and what it shows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import torch
from torch import nn

from saccade.errors import ExperimentError
from saccade.experiments.spatial_attention.contenders import ChangeDriven
from saccade.experiments.spatial_attention.digits import Digits
from saccade.experiments.spatial_attention.network import Training
from saccade.experiments.spatial_attention.sequences import BLACK, Direction, Motion
from saccade.policy import Borji
from saccade.policy.borji import Norm


@dataclass(frozen=True, eq=False)
class Shown:
    """A digit as the networks see it.

    Attributes:
        frames: (1, 1, 64, 64) each.
        label: 0 to 9.
        draw: number of the draw that it belongs to.
    """

    frames: list[torch.Tensor]
    label: int
    draw: int


@dataclass(frozen=True)
class Settings:
    """Everything that a run depends on besides the digits.

    Attributes:
        shift, direction, frames: of experiment II; see ``Motion``.
        fix_aperture, fix_background: mend rows 6 and 7 of the table in the corrected sequence.
        norm, threshold: of the change at the input.
        compare_outputs: let CNN3 pass on as changed only what came out different.
        blank_frame: begin CNN3's sequences with a black frame, instead of a first change map of ones.
        threads: of every contender.
        seed: of the draws of digits.
        training: of the network.
        digits: a draw; the paper has 11.
        timed_draws: draws of digits on which every contender is timed, the sequential ones included.
        draws: draws on which only accuracy is compared.
        thresholds: points of Figure 6.
        scene: height and width of the high-resolution scene in pixels.
        scene_frames: frames of it.
        networks: what else watches the scene: what it is, and torchvision's name for it.
        fast: whether it is the short run.
    """

    shift: int = 1
    direction: Direction = "right"
    frames: int = 10
    fix_aperture: bool = True
    fix_background: bool = True
    norm: Norm = "l1"
    threshold: float = 1.0
    compare_outputs: bool = False
    blank_frame: bool = False
    threads: int = 1
    seed: int = 0
    training: Training = field(default_factory=Training)
    digits: int = 11
    timed_draws: int = 5
    draws: int = 10
    thresholds: tuple[float, ...] = (0, 0.25, 0.5, 1, 1.5, 2, 3, 3.9, 4, 5, 6, 8, 9, 10, 12)
    scene: tuple[int, int] = (1080, 1920)
    scene_frames: int = 4
    networks: tuple[tuple[str, str], ...] = (
        ("detector", "retinanet_resnet50_fpn"),
        ("segmenter", "fcn_resnet50"),
        ("segmenter with global means", "lraspp_mobilenet_v3_large"),
    )
    fast: bool = False

    def __post_init__(self) -> None:
        """Builds what depends on the fields once, so that what does not fit is an error before anything is run."""
        self.published(), self.corrected()
        for count, what in ((self.digits, "digits"), (self.timed_draws, "timed draws"), (self.draws, "draws")):
            if count < 1:
                raise ExperimentError(f"{count} {what} were given; expected at least 1")
        if self.threads < 1 or self.training.epochs < 1:
            raise ExperimentError(
                f"{self.threads} threads and {self.training.epochs} epochs were given; expected at least 1 of each"
            )
        if self.shift < 1:
            raise ExperimentError(f"a shift of {self.shift} was given; expected 1 to 18 pixels a frame")
        _ = self.motions

    @classmethod
    def fast_run(cls) -> Settings:
        """Returns the settings of ``--fast``."""
        return cls(
            training=Training(epochs=1),
            digits=3,
            timed_draws=2,
            draws=3,
            thresholds=(0, 1, 2, 3.9, 4, 6, 9, 12),
            scene=(216, 384),
            scene_frames=3,
            fast=True,
        )

    def published(self, threshold: float | None = None) -> Borji:
        """Returns the published rule, at a threshold or at the run's own."""
        rule = Borji.as_published(self.threshold if threshold is None else threshold, self.norm)
        return replace(rule, compare_outputs=self.compare_outputs)

    def corrected(self, threshold: float | None = None) -> Borji:
        """Returns the corrected rule, at a threshold or at the run's own."""
        rule = Borji.corrected(self.threshold if threshold is None else threshold, self.norm)
        return replace(rule, compare_outputs=self.compare_outputs)

    def cnn3(self, model: nn.Sequential, rule: Borji, *, sequential: bool = True) -> ChangeDriven:
        """Returns CNN3 with a rule."""
        return ChangeDriven(model, rule, sequential=sequential, blank=BLACK if self.blank_frame else None)

    @property
    def motions(self) -> dict[str, Motion]:
        """The sequences by the name of their experiment."""
        corrected = Motion(self.shift, self.direction, self.frames)
        published = Motion.as_published(self.shift, self.direction, self.frames)
        if not self.fix_aperture:
            corrected = replace(corrected, scrolling=True, centred_start=False)
        if not self.fix_background:
            corrected = replace(corrected, background=published.background)
        return {
            "I": Motion(0, self.direction, self.frames),
            "II as published": published,
            "II corrected": corrected,
        }

    def shown(self, digits: Digits, motion: Motion, draws: int) -> Iterator[Shown]:
        """Yields the sequences of the first draws of test digits; every draw is the same whatever else is drawn."""
        for draw in range(draws):
            generator = torch.Generator().manual_seed(1000 * self.seed + draw)
            for index in torch.randperm(len(digits.test_images), generator=generator)[: self.digits].tolist():
                yield Shown(motion.sequence(digits.test_images[index]), int(digits.test_labels[index]), draw)
