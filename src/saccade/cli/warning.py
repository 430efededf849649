"""Lines that the user should read though the verb goes on."""

from __future__ import annotations

import typer


def warn(text: str | None) -> None:
    """Prints a warning on stderr in one line; nothing where there is none."""
    if text:
        typer.echo(f"saccade: warning: {text}", err=True)
