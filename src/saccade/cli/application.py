"""The program ``saccade``: its verbs."""

from __future__ import annotations

import typer

from saccade.cli.bench import app as bench
from saccade.cli.calibrate import calibrate
from saccade.cli.compare import compare
from saccade.cli.demo import demo
from saccade.cli.doctor import doctor
from saccade.cli.explain import explain
from saccade.cli.recipes import recipes
from saccade.cli.regions import regions
from saccade.cli.reproduce import app as reproduce
from saccade.cli.run import run
from saccade.cli.sizes import sizes
from saccade.cli.train import train

app = typer.Typer(
    name="saccade",
    help="A trained CNN watches a video and recomputes only what changed.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command()(demo)
app.command()(run)
app.command()(calibrate)
app.command()(explain)
app.command()(regions)
app.command()(sizes)
app.command()(recipes)
app.command()(train)
app.command()(compare)
app.command()(doctor)
app.add_typer(bench, name="bench")
app.add_typer(reproduce, name="reproduce")


@app.callback()
def _program() -> None:
    """A trained CNN watches a video and recomputes only what changed."""
