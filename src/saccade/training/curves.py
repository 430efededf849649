"""A run's history as a picture."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from saccade.training.report import RunReport


def draw_curves(report: RunReport) -> bytes:
    """Returns a PNG: losses on the left, accuracies in percent on the right, over epochs."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 3.5), layout="constrained", dpi=120)
    losses, accuracies = figure.subplots(1, 2)
    epochs = [line.epoch for line in report.history]
    losses.plot(epochs, [line.training_loss for line in report.history], marker=".", label="training")
    for label, name in (("held out", "validation"), ("test", "test")):
        loss = [getattr(line, f"{name}_loss") for line in report.history]
        accuracy = [line.accuracy if name == "test" else line.validation_accuracy for line in report.history]
        known = [index for index, value in enumerate(accuracy) if value is not None]
        if known:
            times = [epochs[index] for index in known]
            losses.plot(times, [loss[index] for index in known], marker=".", label=label)
            accuracies.plot(times, [100 * accuracy[index] for index in known], marker=".", label=label)
    for axes, name in ((losses, "cross-entropy, nats"), (accuracies, "accuracy, %")):
        axes.set_xlabel("epoch")
        axes.set_ylabel(name)
        axes.grid(alpha=0.3)
        axes.legend()
    content = io.BytesIO()
    figure.savefig(content, format="png")
    return content.getvalue()
