"""saccade reproduce: the tables and figures of the papers, one command each."""

import typer

from saccade.cli.reproduce.das_sizes import das_sizes
from saccade.cli.reproduce.listing import list_experiments
from saccade.cli.reproduce.spatial_attention import spatial_attention
from saccade.cli.reproduce.tolerant_training import tolerant_training

app = typer.Typer(help="Reproduce the papers' tables and figures.", no_args_is_help=True)
app.command("list")(list_experiments)
app.command("spatial-attention")(spatial_attention)
app.command("das-sizes")(das_sizes)
app.command("tolerant-training")(tolerant_training)

__all__ = ["app", "das_sizes", "list_experiments", "spatial_attention", "tolerant_training"]
