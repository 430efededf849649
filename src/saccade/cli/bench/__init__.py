"""saccade bench: the engine beside the dense runtimes that a user would pick instead."""

import typer

from saccade.cli.bench.network import network
from saccade.cli.bench.policies import policies
from saccade.cli.bench.video import video

app = typer.Typer(
    help="Time the engine beside dense runtimes and policies beside each other, alternating within one run.",
    no_args_is_help=True,
)
app.command()(network)
app.command()(video)
app.command()(policies)

__all__ = ["app", "network", "policies", "video"]
