"""saccade reproduce list: what can be reproduced, and what it costs."""

from __future__ import annotations


def list_experiments() -> None:
    """List every table and figure that can be reproduced, with its command and expected cost."""
    from rich.console import Console
    from rich.table import Table

    from saccade.experiments import experiments

    console = Console()
    for name in experiments:
        experiment = experiments.get(name)
        table = Table(title=f"saccade reproduce {name}", caption=f"{experiment.paper}", title_justify="left")
        table.caption_justify = "left"
        table.add_column("part", no_wrap=True)
        table.add_column("shows")
        with_costs = any(part.cost for part in experiment.parts)
        if with_costs:
            table.add_column("cost", no_wrap=True)
        for part in experiment.parts:
            table.add_row(part.label, part.shows, *([part.cost] if with_costs else []))
        console.print(table)
        console.print(f"cost in all: {experiment.cost}\nneeds: {experiment.needs}\n", highlight=False)
