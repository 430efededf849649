"""The report of a finished run: JSON for programs, and a model card in Markdown for people."""

from __future__ import annotations

from pathlib import Path

from saccade.training.checkpoint import BEST, LAST, REPORT, save_bytes, save_json, save_text
from saccade.training.curves import draw_curves
from saccade.training.report import RunReport, machine_of, measure_of

CARD = "report.md"
CURVES = "curves.png"
_SHOWN = 12


def write_report(directory: Path, report: RunReport) -> None:
    """Writes ``curves.png``, ``report.md`` and last ``report.json``, whose being there says that the run is finished.

    Raises:
        CheckpointError: a file cannot be written.
    """
    save_bytes(directory / CURVES, draw_curves(report))
    save_text(directory / CARD, model_card(report))
    save_json(directory / REPORT, report.to_dict())


def model_card(report: RunReport) -> str:
    """Returns what the weights of a run are, came from and are good for, in Markdown."""
    gate = report.recipe["gate"]
    title = f"{report.recipe['network']} with {gate}" if gate else str(report.recipe["network"])
    sections = [
        f"# {title}, {report.recipe['name']}",
        "## Result\n\n" + _result(report),
        f"![losses and accuracies by epoch]({CURVES})",
        "## Network\n\n" + _network(report),
        "## Data\n\n" + _data(report),
        "## Training\n\n" + _training(report),
        "## Recipe\n\n" + _recipe(report),
        "## Where it was made\n\n" + _machine(report),
        "## Use and limits\n\n" + _use(report),
    ]
    return "\n\n".join(sections) + "\n"


def _result(report: RunReport) -> str:
    measure = measure_of(report.recipe)
    loss = "" if _detects(report) else f", loss {report.test_loss:.4f} nats"
    lines = [
        f"- `{LAST}`, after step {report.steps:,}: {measure} {_percent(report.accuracy)} on {report.test_images:,} "
        f"test images{loss}{_further(report)}"
    ]
    if report.best_test_accuracy is None:
        lines.append(
            f"- `{BEST}`, after step {report.best_step:,}: {measure} {_percent(report.best_accuracy)} on the test "
            "images, **by which it was chosen**: too high to compare with others"
        )
    else:
        lines.append(
            f"- `{BEST}`, after step {report.best_step:,}: {measure} {_percent(report.best_test_accuracy)} on the test "
            f"images; it was chosen by {report.validation_images:,} held-out training images "
            f"({_percent(report.best_accuracy)})"
        )
    return "\n".join(lines)


def _further(report: RunReport) -> str:
    """Returns further measures after the last step; those of which there was nothing to measure are -1 and left out."""
    measure = measure_of(report.recipe)
    return "".join(
        f", {name} {_percent(value)}" for name, value in report.metrics.items() if name != measure and value >= 0
    )


def _network(report: RunReport) -> str:
    recipe = report.recipe
    size = recipe["image_size"]
    own = f", {report.gate_parameters:,} of them the gates'" if recipe["gate"] else ""
    macs = f"{report.parameters:,} parameters{own}; {report.macs / 1e6:.2f} M multiply-accumulates"
    normalisation = f"mean {_numbers(recipe['mean'])} taken off and divided by {_numbers(recipe['std'])}"
    if _detects(report):
        return (
            f"{macs} in backbone and feature pyramid for the largest image, {size} x {recipe['longer_side']} pixels; "
            "those of the heads depend on what is found.\n\n"
            f"Takes a list of RGB images (3, H, W), 0..1, which it scales, and normalises with {normalisation}; "
            f"returns boxes in pixels, scores, and labels from 1 to {recipe['classes']} of each."
        )
    return (
        f"{macs} for one image of {size} x {size} pixels.\n\n"
        f"Takes RGB images, 0..1, with {normalisation}; returns {recipe['classes']} logits."
    )


def _detects(report: RunReport) -> bool:
    return report.recipe.get("task") == "detection"


def _data(report: RunReport) -> str:
    names = report.classes
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    held = f", {report.validation_images:,} held out to choose the best weights by" if report.validation_images else ""
    return (
        f"{report.training_images:,} images to train on{held}, {report.test_images:,} to test on, in "
        f"{report.recipe['classes']} classes: {', '.join(names[:_SHOWN])}{more}."
    )


def _training(report: RunReport) -> str:
    share = report.loader_seconds / report.seconds
    lines = [
        f"- {report.steps:,} steps of {report.recipe['batch']} images, {report.history[-1].epoch:g} epochs, on "
        f"{report.processes} process(es), {report.device}",
        f"- {report.seconds:.0f} s of training at {report.images_per_second:.0f} images/s (loader {100 * share:.1f} % "
        f"of it), {report.evaluation_seconds:.0f} s of evaluation",
    ]
    if report.resumed:
        lines.append(f"- taken up again {report.resumed} time(s) from its saved state")
    if report.budget is not None:
        paces = ", ".join(f"{name} {seconds * 1e3:.0f} ms" for name, seconds in report.budget["step_seconds"].items())
        lines.append(
            f"- length derived from a budget of {report.budget['minutes']:g} minutes and the time of a step measured "
            f"before training: {paces}"
        )
    return "\n".join(lines)


def _recipe(report: RunReport) -> str:
    told = ("paper", "cost", "expected")
    lines = [f"{name}: {report.recipe[name]}" for name in told if report.recipe[name]]
    rows = [f"| {name} | {value} |" for name, value in report.recipe.items() if name not in told]
    return "\n\n".join([*lines, "\n".join(["| field | value |", "|---|---|", *rows])])


def _machine(report: RunReport) -> str:
    environment = report.environment
    if not environment:
        return "Not recorded: the run was started from a program that gave no environment."
    versions = ", ".join(f"{name} {version}" for name, version in environment.get("versions", {}).items())
    return (
        f"{machine_of(environment)}, {environment.get('operating_system')}, "
        f"{environment.get('date')}; {versions}.\n\n```\n{environment.get('command')}\n```"
    )


def _use(report: RunReport) -> str:
    chosen = "best" if report.best_test_accuracy is not None else "last"
    does, limit = (
        ("Finds objects in images", "It finds nothing but its {} classes, and misses some of these")
        if _detects(report)
        else ("Classifies images", "It always names one of its {} classes, whatever it is shown")
    )
    return (
        f"{does} like those it was trained on: `saccade run CLIP --model {chosen}.safetensors`, or "
        f"`saccade.training.load_trained(Path('{chosen}.safetensors'))`. "
        f"{limit.format(report.recipe['classes'])}; {measure_of(report.recipe)} on other images, on other sizes and "
        "under other lighting was not measured, nor was its bias between groups of people. It is one run of one seed: "
        "differences to another network want several (`saccade compare`)."
    )


def _percent(share: float) -> str:
    return f"{100 * share:.2f} %"


def _numbers(values: tuple[float, ...]) -> str:
    return "(" + ", ".join(f"{value:g}" for value in values) + ")"
