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
        known = [
            (epoch, own, 100 * share)
            for epoch, own, share in zip(epochs, loss, accuracy, strict=True)
            if share is not None
        ]
        if known:
            times, own, shares = zip(*known, strict=True)
            losses.plot(times, own, marker=".", label=label)
            accuracies.plot(times, shares, marker=".", label=label)
    for axes, name in ((losses, "cross-entropy, nats"), (accuracies, "accuracy, %")):
        axes.set_xlabel("epoch")
        axes.set_ylabel(name)
        axes.grid(alpha=0.3)
        axes.legend()
    content = io.BytesIO()
    figure.savefig(content, format="png")
    return content.getvalue()
