"""A run's history as a picture."""

from __future__ import annotations

import io

from saccade.training.report import RunReport, measure_of


def draw_curves(report: RunReport) -> bytes:
    """Returns a PNG: losses on the left, accuracies in percent on the right, over epochs.

    Args:
        report: of a classifier; or of a detector, whose loss on the test images is not measured.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 3.5), layout="constrained", dpi=120)
    losses, accuracies = figure.subplots(1, 2)
    epochs = [line.epoch for line in report.history]
    losses.plot(epochs, [line.training_loss for line in report.history], marker=".", label="training")
    for label, name in (("held out", "validation"), ("test", "test")):
        loss = [getattr(line, f"{name}_loss") for line in report.history]
        accuracy = [line.accuracy if name == "test" else line.validation_accuracy for line in report.history]
        for axes, values, scale in ((losses, loss, 1), (accuracies, accuracy, 100)):
            known = [(epoch, scale * value) for epoch, value in zip(epochs, values, strict=True) if value is not None]
            if known:
                axes.plot(*zip(*known, strict=True), marker=".", label=label)
    measure = measure_of(report.recipe)
    for axes, name in (
        (losses, "cross-entropy, nats" if measure == "accuracy" else "loss"),
        (accuracies, f"{measure}, %"),
    ):
        axes.set_xlabel("epoch")
        axes.set_ylabel(name)
        axes.grid(alpha=0.3)
        axes.legend()
    content = io.BytesIO()
    figure.savefig(content, format="png")
    return content.getvalue()
