"""saccade train: one network by one recipe."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from saccade.errors import ProcessError, SaccadeError

if TYPE_CHECKING:
    from saccade.training import Recipe


def train(
    recipe: Annotated[str, typer.Argument(help="One that 'saccade recipes' lists.", metavar="RECIPE")],
    data: Annotated[Path, typer.Option(help="The data set's folder: train/CLASS/* and test/CLASS/* for most.")],
    output: Annotated[Path, typer.Option(help="Folder for checkpoints and the report.")],
    gate: Annotated[str | None, typer.Option(help="A gate to put in, such as das; see docs/models.md.")] = None,
    where: Annotated[
        list[str] | None, typer.Option(help="Where it goes: stages, blocks, branches, or modules; repeat for more.")
    ] = None,
    option: Annotated[
        list[str] | None, typer.Option(help="An option of the gate, such as alpha=0.1; repeat for more.", metavar="N=V")
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", help="A value of the recipe, such as width=16; repeat for more.", metavar="N=V"),
    ] = None,
    epochs: Annotated[float | None, typer.Option(help="Passes over the images, may be a fraction.")] = None,
    seed: Annotated[int | None, typer.Option(help="Of weights, order and augmentation.")] = None,
    precision: Annotated[str | None, typer.Option(help="32-true, bf16-mixed or 16-mixed.")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the run in the folder.")] = False,
    cache: Annotated[Path | None, typer.Option(help="Folder for decoded images; in the data's by default.")] = None,
    download: Annotated[bool, typer.Option("--download", help="Fetch what is missing in the data's folder.")] = False,
    accelerator: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
    devices: Annotated[
        int | None, typer.Option(min=1, help="How many of a machine share each batch; torchrun's number, else 1.")
    ] = None,
    nodes: Annotated[int | None, typer.Option(min=1, help="Machines; torchrun's number, else 1.")] = None,
    budget: Annotated[
        float | None, typer.Option(help="Minutes: the schedule is made as long as fits.", metavar="MINUTES")
    ] = None,
    save_every: Annotated[float, typer.Option(min=0, help="Seconds between saved states within an epoch.")] = 60.0,
    tensorboard: Annotated[bool, typer.Option("--tensorboard", help="Write event files into the folder.")] = False,
) -> None:
    """Train a network, with a gate or without, and go on exactly after a kill."""
    from saccade.cli.training_progress import StepBar
    from saccade.training import train as run
    from saccade.training.processes import is_first, part
    from saccade.training.report import measure_of

    chosen = choose_recipe(recipe, settings, epochs=epochs, seed=seed, precision=precision)
    chosen = _gated(chosen, gate, where, option)
    with first_speaks(), StepBar(measure_of(chosen.to_dict())) as bar:
        label = chosen.gate or "no gate"
        bar.start(label)
        report = run(
            chosen, data, output, resume=resume, cache=cache, download=download, accelerator=accelerator,
            devices=devices or launched("LOCAL_WORLD_SIZE"), nodes=nodes or launched("GROUP_WORLD_SIZE"),
            budget=budget, save_every=save_every, tensorboard=tensorboard,
            environment=here(), on_step=lambda told: bar.step(told, label), on_read=bar.read,
        )  # fmt: skip
    part()
    if not is_first():
        return
    typer.echo(
        f"{measure_of(report.recipe)} {100 * report.accuracy:.2f} % on "
        f"{report.test_images:,} test images after {report.steps:,} steps, "
        f"{report.seconds:.0f} s at {report.images_per_second:.0f} images/s; "
        f"{report.parameters:,} parameters, {report.macs / 1e6:.2f} M MACs; {output / 'report.md'}"
    )


@contextmanager
def first_speaks() -> Iterator[None]:
    """Lets errors through in the first process of a run; the others end in silence, since theirs is the same."""
    from saccade.training.processes import is_first, part

    try:
        yield
    except SaccadeError as error:
        if not isinstance(error, ProcessError):  # a process may abort if it ends while torch's threads are connected
            part()
        if is_first():
            raise
        # Lightning Fabric kills the first process, which is still to say what is wrong, where another ends with a code.
        raise typer.Exit(0) from error


def launched(variable: str) -> int:
    """Returns a number that torchrun gives its processes; 1 without torchrun."""
    return int(os.environ.get(variable) or 1)


def choose_recipe(name: str, settings: list[str] | None, **values: Any) -> Recipe:
    """Returns a recipe with what the command line changes.

    Args:
        name: of the recipe.
        settings: words NAME=VALUE.
        **values: further fields; None for what the recipe has.

    Raises:
        RegistryError: there is no such recipe.
        GateError: a setting is not NAME=VALUE.
        RecipeError: there is no such field, or a value does not suit it.
    """
    from saccade.cli.gate_choice import parse_options
    from saccade.training import recipes

    changes = parse_options(settings or [], "--set", "width=16")
    return recipes.get(name).replace(**changes, **{key: value for key, value in values.items() if value is not None})


def here() -> dict[str, Any]:
    """Returns where and with what a run is made."""
    import sys

    import torch

    from saccade.measure import Environment

    command = " ".join(["saccade", *sys.argv[1:]])
    return Environment.here(torch.get_num_threads(), command, ("lightning-fabric", "timm")).to_dict()


def _gated(recipe: Recipe, gate: str | None, where: list[str] | None, option: list[str] | None) -> Recipe:
    from saccade.cli.gate_choice import parse_gate
    from saccade.errors import GateError

    choice = parse_gate(gate, where, option)
    if choice is not None:
        return recipe.with_gate(choice.name, choice.where, choice.options)
    if where or option:
        raise GateError("--where and --option are a gate's; name one with --gate")
    return recipe
