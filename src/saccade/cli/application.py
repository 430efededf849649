"""The program ``saccade``: its verbs, and how it ends."""

from __future__ import annotations

import sys

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
from saccade.cli.termination import termination_is_an_interrupt
from saccade.cli.train import train
from saccade.errors import SaccadeError

FAILED = 2

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


def main(arguments: list[str] | None = None) -> None:
    """Runs the program and leaves with its exit code: 0, 2 after an error, 130 after Ctrl-C or SIGTERM.

    Args:
        arguments: the words after the program's name; those of the process by default.
    """
    try:
        with termination_is_an_interrupt():
            app(args=arguments, prog_name="saccade")
    except SaccadeError as error:
        print(f"saccade: {' '.join(str(error).split())}", file=sys.stderr)
        sys.exit(FAILED)
