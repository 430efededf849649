"""saccade sizes: parameters and multiply-accumulates of a network, with gates or without."""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from saccade.cli.gate_choice import parse_options
from saccade.errors import GateError, UnknownModelError

if TYPE_CHECKING:
    from torch import nn

    from saccade.models.sizes import Size


class Convention(str, Enum):
    """How parameters and multiply-accumulates are counted."""

    paper = "paper"
    true = "true"


def sizes(
    model: Annotated[
        str, typer.Argument(help="resnet50, torchvision:NAME, timm:NAME, or module.path:factory.", metavar="MODEL")
    ],
    gate: Annotated[str | None, typer.Option(help="A gate to put in, such as das; see docs/models.md.")] = None,
    where: Annotated[
        list[str] | None,
        typer.Option(help="stages, blocks, branches, or modules by name or pattern; repeat for more than one."),
    ] = None,
    option: Annotated[
        list[str] | None, typer.Option(help="An option of the gate, such as alpha=0.1; repeat for more.", metavar="N=V")
    ] = None,
    convention: Annotated[
        Convention, typer.Option(help="true counts everything; paper leaves out what thop cannot see.")
    ] = Convention.true,
    size: Annotated[str, typer.Option(help="Height and width of the image, HxW.")] = "224x224",
    json_file: Annotated[Path | None, typer.Option("--json", help="All counts to write as JSON.")] = None,
) -> None:
    """Count the parameters and multiply-accumulates of a network and of its gates."""
    from saccade.cli.option_values import parse_size
    from saccade.cli.outputs import check_outputs
    from saccade.models.sizes import measure
    from saccade.video.sinks import check_writable, write_json

    height, width = parse_size(size) or (224, 224)
    check_outputs({"--json": json_file})
    if json_file is not None:
        check_writable(json_file, "the sizes")
    plain = _network(model)
    shape = (1, _channels(plain), height, width)
    before = measure(plain, shape)
    places: dict[str, int] = {}
    after = before
    if gate is not None:
        places = _gated(plain, gate, where, parse_options(option or []))
        after = measure(plain, shape)
    elif where or option:
        raise GateError("--where and --option are a gate's; name one with --gate")
    _print(model, gate, places, before, after, convention)
    if json_file is not None:
        write_json(json_file, _findings(model, gate, shape, places, before, after, convention))


def _network(name: str) -> nn.Module:
    """Returns a model of that name, without weights where the library can build it so."""
    import torch

    from saccade.cli.models import choose_model
    from saccade.models.backbone import build

    library, separator, _ = name.partition(":")
    if name.lower().endswith(".onnx"):
        raise UnknownModelError(f"{name!r} is an ONNX file; give torchvision:NAME, timm:NAME or module.path:factory")
    if separator and library not in ("torchvision", "timm"):
        chosen = choose_model(name).model
        assert isinstance(chosen, torch.nn.Module)
        return chosen
    try:
        with torch.device("meta"):
            return build(name)
    except NotImplementedError:  # its initial values are computed from others
        return build(name)


def _channels(model: nn.Module) -> int:
    from torch import nn

    first = next((module for module in model.modules() if isinstance(module, nn.Conv2d)), None)
    return 3 if first is None else first.in_channels


def _gated(model: nn.Module, gate: str, where: list[str] | None, options: dict[str, Any]) -> dict[str, int]:
    """Puts gates in and returns their parameters by place."""
    from saccade.gates import gates_of, insert
    from saccade.models.sizes import parameters_of

    place = where[0] if where is not None and len(where) == 1 else where or None
    insert(model, gate, place, **options)
    return {name: parameters_of(module) for name, module in gates_of(model).items()}


def _findings(
    model: str, gate: str | None, shape: tuple[int, ...], places: dict[str, int], before: Size, after: Size,
    convention: Convention,
) -> dict[str, Any]:  # fmt: skip
    from dataclasses import asdict

    parameters, macs = after.of(convention.value)
    return {
        "model": model,
        "gate": gate,
        "input": list(shape),
        "convention": convention.value,
        "parameters": parameters,
        "macs": macs,
        "gates": places,
        "backbone": asdict(before),
        "total": asdict(after),
    }


def _print(
    model: str, gate: str | None, places: dict[str, int], before: Size, after: Size, convention: Convention
) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(title=f"{model}, counted as {convention.value}", title_justify="left")
    table.add_column("")
    table.add_column("parameters M", justify="right")
    table.add_column("MACs G", justify="right")

    def row(name: str, parameters: int, macs: int) -> None:
        table.add_row(name, f"{parameters / 1e6:.4f}", f"{macs / 1e9:.4f}")

    plain, whole = before.of(convention.value), after.of(convention.value)
    row("backbone", *plain)
    if gate is not None:
        count = f"{len(places)} gate{'s' if len(places) != 1 else ''}"
        row(f"{gate}, {count}", whole[0] - plain[0], whole[1] - plain[1])
        row("total", *whole)
    console = Console()
    console.print(table)
    if places:
        console.print("at " + ", ".join(places), highlight=False, soft_wrap=True)
