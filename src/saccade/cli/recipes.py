"""saccade recipes: what can be trained, from which paper, and what it costs."""

from __future__ import annotations

from typing import Annotated

import typer

WIDTH = 17


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
    from rich.table import Table

    from saccade.training import recipes as known

    table = Table(show_lines=True)
    table.add_column("recipe", no_wrap=True)
    for title in ("network, data", "cost", "expected", "paper"):
        table.add_column(title)
    for name in known:
        recipe = known.get(name)
        network = f"{recipe.detector} on {recipe.network}" if recipe.task == "detection" else recipe.network
        table.add_row(name, f"{network}, {recipe.data}", recipe.cost, recipe.expected, recipe.paper)
    Console().print(table)
