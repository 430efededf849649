"""What a finished run has to say."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from saccade.training.tasks import tasks


@dataclass(frozen=True)
class Epoch:
    """One line of a run's history.

    Attributes:
        epoch: passes over the training images done, a fraction at the end of a run that stops within one.
        step: steps done.
        training_loss: mean over the steps since the line before, in nats.
        accuracy: on the test images, 0..1; None where it was not measured.
        test_loss: in nats, likewise.
        seconds: of training since the start, evaluation left out.
        validation_accuracy: on the images held out, 0..1; None where it was not measured.
        validation_loss: in nats, likewise.
    """

    epoch: float
    step: int
    training_loss: float
    accuracy: float | None
    test_loss: float | None
    seconds: float
    validation_accuracy: float | None = None
    validation_loss: float | None = None


@dataclass(frozen=True)
class RunReport:
    """A finished run.

    Attributes:
        recipe: all its fields.
        fingerprint: of the recipe.
        accuracy: on the test images after the last step, 0..1.
        best_accuracy: the highest of all evaluations on the images held out; where none were, on the test images, by
            which it has been chosen, so compare ``accuracy``.
        test_loss: after the last step, in nats.
        steps: done.
        images: seen in training, repetitions counted.
        seconds: of training, evaluation and saving left out.
        evaluation_seconds: of evaluation.
        loader_seconds: of ``seconds``, those in which batches were made.
        images_per_second: ``images / seconds``.
        parameters: of the network with its gates.
        gate_parameters: of the gates alone.
        macs: true multiply-accumulates of one image.
        training_images: that were trained on.
        test_images: in the folder.
        resumed: how often the run was taken up again.
        metrics: further measures after the last step by name: "top-5" of a classifier; COCO's six of a detector, whose
            accuracy is AP and whose test loss is not measured and stands as 0.
        history: one line an epoch.
        environment: machine, versions, date and command.
        validation_images: held out of the training images to choose the best weights by.
        best_step: steps after which ``best_accuracy`` was measured.
        best_test_accuracy: of the best weights on the test images; None where they were chosen by these.
        classes: their names, by label.
        processes: that shared each batch.
        device: "cpu", "cuda" or the like.
        budget: minutes and what was measured, where the length was derived from them; else None.
    """

    recipe: dict[str, Any]
    fingerprint: str
    accuracy: float
    best_accuracy: float
    test_loss: float
    steps: int
    images: int
    seconds: float
    evaluation_seconds: float
    loader_seconds: float
    images_per_second: float
    parameters: int
    gate_parameters: int
    macs: int
    training_images: int
    test_images: int
    resumed: int
    metrics: dict[str, float] = field(default_factory=dict)
    history: tuple[Epoch, ...] = ()
    environment: dict[str, Any] = field(default_factory=dict)
    validation_images: int = 0
    best_step: int = 0
    best_test_accuracy: float | None = None
    classes: tuple[str, ...] = ()
    processes: int = 1
    device: str = "cpu"
    budget: dict[str, Any] | None = None

    def to_dict(self) -> dict[str, Any]:
        """Returns the fields as plain values for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> RunReport:
        """Returns the report that ``to_dict`` gave."""
        history = tuple(Epoch(**line) for line in values["history"])
        return cls(**{**values, "history": history, "classes": tuple(values.get("classes", ()))})


def measure_of(recipe: Mapping[str, Any]) -> str:
    """Returns the name of what a recipe's accuracy is; runs from before there were tasks classify."""
    return tasks.get(recipe.get("task", "classification")).measure


def machine_of(environment: Mapping[str, Any]) -> str:
    """Returns processor, threads and GPUs of an environment's dictionary in words."""
    gpus = "".join(f", {name}" for name in environment.get("accelerators", ()))
    return f"{environment.get('machine')}, {environment.get('threads')} thread(s){gpus}"
