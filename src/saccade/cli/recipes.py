"""saccade recipes: what can be trained, from which paper, and what it costs."""

from __future__ import annotations

from typing import Annotated

import typer

WIDTH = 17
INDENT = 4


def recipes(
    name: Annotated[str | None, typer.Argument(help="A recipe to show whole.", metavar="RECIPE")] = None,
) -> None:
    """List the recipes of 'saccade train' and 'saccade compare' with their cost, or show one with all its values."""
    from saccade.training import recipes as known

    if name is None:
        _list()
        return
    for field, value in known.get(name).to_dict().items():
        text = ",".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)
        typer.echo(f"{field:>{WIDTH}}  {text}")


def _list() -> None:
    from rich.console import Console
    from rich.padding import Padding

    from saccade.training import recipes as known

    console = Console(highlight=False)
    for name in known:
        recipe = known.get(name)
        network = f"{recipe.detector} with {recipe.network}" if recipe.task == "detection" else recipe.network
        console.print(f"[bold]{name}[/bold]: {network} on {recipe.data}")
        for told in (f"cost: {recipe.cost}", f"expected: {recipe.expected}", recipe.paper):
            console.print(Padding(told, (0, 0, 0, INDENT)), markup=False)
