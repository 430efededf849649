"""How far a run has come."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class StepProgress:
    """How far a run has come.

    Attributes:
        step: steps done.
        steps: of the whole run.
        loss: of this step's batch, in nats; at an epoch's end the mean of the epoch.
        rate: learning rate of this step.
        images_per_second: since the run's start.
        accuracy: of the last evaluation, 0..1, or None.
        seconds_left: until the last step at the pace so far, or None.
        epoch_ended: whether this step ended an epoch, or the run.
    """

    step: int
    steps: int
    loss: float
    rate: float
    images_per_second: float
    accuracy: float | None
    seconds_left: float | None = None
    epoch_ended: bool = False


@dataclass
class Progress:
    """What a run's state holds besides weights and optimiser: plain values alone.

    Attributes:
        step: steps done.
        seconds: of training.
        evaluation_seconds: of evaluation.
        loader_seconds: of ``seconds``, those in which batches were made.
        best: the highest accuracy so far of those by which the best weights are chosen; -1 before the first.
        best_step: after which it was measured.
        resumed: how often the run was taken up again.
        metrics: of the last evaluation on the test images, by name.
        losses: of the steps since the last line of the history.
        history: a line an epoch.
    """

    step: int = 0
    seconds: float = 0.0
    evaluation_seconds: float = 0.0
    loader_seconds: float = 0.0
    best: float = -1.0
    best_step: int = 0
    resumed: int = 0
    metrics: dict[str, float] = dataclasses.field(default_factory=dict)
    losses: list[float] = dataclasses.field(default_factory=list)
    history: list[dict[str, Any]] = dataclasses.field(default_factory=list)
