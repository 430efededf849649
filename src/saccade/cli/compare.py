"""saccade compare: gates under one budget, with several seeds each."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from saccade.cli.gate_choice import GateChoice, parse_options
from saccade.errors import CheckpointError, GateError

if TYPE_CHECKING:
    from saccade.experiments.gate_comparison import Finished
    from saccade.training import Recipe

IDENTITY = "-identity"
TABLE = "comparison"
USUAL = ("none", "se", "cbam", "triplet", "das", "das-identity")
"""What is compared where neither the user nor the recipe says."""


def compare(
    recipe: Annotated[str, typer.Argument(help="One that 'saccade recipes' lists.", metavar="RECIPE")],
    data: Annotated[Path, typer.Option(help="The data set's folder: train/CLASS/* and test/CLASS/* for most.")],
    output: Annotated[Path, typer.Option(help="Folder for runs and the table; an interrupted comparison goes on.")],
    gates: Annotated[
        str | None,
        typer.Option(help="With commas: none, GATE, GATE-identity, GATE@WHERE+WHERE, GATE:OPTION=VALUE; the recipe's."),
    ] = None,
    seeds: Annotated[int, typer.Option(min=1, help="Runs of each gate: seeds 0, 1, ....")] = 3,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", help="A value of the recipe, such as width=16; repeat for more.", metavar="N=V"),
    ] = None,
    epochs: Annotated[float | None, typer.Option(help="Passes over the images, the same for all.")] = None,
    report_only: Annotated[bool, typer.Option("--report-only", help="Write the table of what is finished.")] = False,
    inference: Annotated[
        bool | None, typer.Option(help="Time the networks at the end; done unless --report-only.")
    ] = None,
    cache: Annotated[Path | None, typer.Option(help="Folder for decoded images; in the data's by default.")] = None,
    download: Annotated[bool, typer.Option("--download", help="Fetch what is missing in the data's folder.")] = False,
    accelerator: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
    devices: Annotated[int, typer.Option(min=1, help="Devices that runs go on at a time.")] = 1,
    per_device: Annotated[int, typer.Option(min=1, help="Runs at a time on each device.")] = 1,
    budget: Annotated[
        float | None,
        typer.Option(
            help="Minutes for a run of the slowest gate; all get as many steps as it does.", metavar="MINUTES"
        ),
    ] = None,
    save_every: Annotated[float, typer.Option(min=0, help="Seconds between saved states within an epoch.")] = 60.0,
) -> None:
    """Train every gate with every seed under the same budget, and tell which differences are more than chance."""
    from saccade.cli.train import choose_recipe, here
    from saccade.cli.training_progress import StepBar
    from saccade.experiments import gate_comparison
    from saccade.training.inputs import prepare
    from saccade.training.report import measure_of

    plain = choose_recipe(recipe, settings, epochs=epochs)
    contenders = parse_contenders(plain, gates or ",".join(plain.contenders or USUAL))
    every = range(seeds)
    if report_only:
        runs = gate_comparison.finished_runs(contenders, every, output)
    else:
        with StepBar(measure_of(plain.to_dict())) as bar:
            if download:
                prepare(plain, data, True, bar.read)

            def told(label: str, seed: int, run: Finished | None) -> None:
                if run is None:
                    bar.start(f"{label}, seed {seed}")
                else:
                    bar.end(f"{label}, seed {seed}")
                    bar.say(
                        f"{label}, seed {seed}: {measure_of(run.report.recipe)} {100 * run.report.accuracy:.2f} %, "
                        f"{run.report.seconds:.0f} s, {run.report.images_per_second:.0f} images/s"
                    )

            runs = gate_comparison.compare(
                contenders, every, data, output, budget=budget, accelerator=accelerator, devices=devices,
                per_device=per_device, cache=cache, save_every=save_every, environment=here, on_run=told,
                on_read=bar.read, on_step=lambda label, seed, step: bar.step(step, f"{label}, seed {seed}"),
            )  # fmt: skip
    if not runs:
        raise CheckpointError(f"no run in {str(output)!r} is finished; leave out --report-only to train")
    if (not report_only if inference is None else inference) and plain.task == "classification":
        _time(contenders, output)
    _write(runs, output, len(contenders) * seeds)


def parse_contenders(recipe: Recipe, text: str) -> dict[str, Recipe]:
    """Returns recipes by label from "none,se,das-identity,das@blocks:alpha=0.1".

    Args:
        recipe: without a gate.
        text: as typed after --gates.

    Raises:
        GateError: nothing is named, one is named twice, or an option is not NAME=VALUE.
        RegistryError: there is no such gate.
    """
    contenders: dict[str, Recipe] = {}
    for label in filter(None, (part.strip() for part in text.split(","))):
        if label in contenders:
            raise GateError(f"--gates names {label!r} twice")
        choice = _parse(label)
        gated = recipe if choice is None else recipe.with_gate(choice.name, choice.where, choice.options)
        contenders[label] = gated
    if not contenders:
        raise GateError(f"--gates {text!r} names no gate; expected such as none,se,das,das-identity")
    return contenders


def _parse(label: str) -> GateChoice | None:
    """Returns the gate that a label names; None for "none"."""
    from saccade.gates import gate_class

    if label == "none":
        return None
    place, *words = label.split(":")
    name, _, where = place.partition("@")
    options: dict[str, Any] = parse_options(words, "--gates", "das:alpha=0.1")
    if name.endswith(IDENTITY):
        name = name.removesuffix(IDENTITY)
        options["start"] = "identity"
    gate_class(name)
    places = tuple(filter(None, where.split("+")))
    return GateChoice(name, places[0] if len(places) == 1 else places or None, options)


def _time(contenders: dict[str, Recipe], output: Path) -> None:
    from saccade.cli.train import here
    from saccade.experiments.gate_comparison import time_inference
    from saccade.training.checkpoint import save_json

    found = {"milliseconds": time_inference(contenders), "environment": here()}
    save_json(output / "inference.json", found)


def _write(runs: list[Finished], output: Path, expected: int) -> None:
    """Writes the table as Markdown and JSON and the plot, and prints the table."""
    from saccade.cli.figure import save_figure
    from saccade.experiments.gate_comparison import draw, rows, to_markdown
    from saccade.training.checkpoint import save_json, save_text
    from saccade.training.report import measure_of

    timed = output / "inference.json"
    inference = json.loads(timed.read_text(encoding="utf-8")) if timed.is_file() else {}
    found = rows(runs, inference.get("milliseconds"))
    markdown = to_markdown(found, runs, expected, inference.get("environment"))
    save_text(output / f"{TABLE}.md", markdown)
    content = {
        "runs": len(runs),
        "expected": expected,
        "rows": [row.to_dict() for row in found],
        "recipe": runs[0].report.recipe,
        "environment": runs[0].report.environment,
    }
    save_json(output / f"{TABLE}.json", content)
    save_figure(draw(found, measure_of(runs[0].report.recipe)), output / f"{TABLE}.png")
    typer.echo(markdown)
