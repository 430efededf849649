"""What --help shows of every verb."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import typer.main

from saccade.cli.application import app


def _texts(command, name: str = "saccade") -> Iterator[tuple[str, str]]:
    """Yields every help text below a command, with where it stands."""
    yield name, command.help or ""
    for parameter in command.params:
        yield f"{name} {parameter.name}", getattr(parameter, "help", None) or ""
    for verb, below in getattr(command, "commands", {}).items():
        yield from _texts(below, f"{name} {verb}")


TEXTS = dict(_texts(typer.main.get_command(app)))


@pytest.mark.parametrize("name", TEXTS)
def test_no_help_text_holds_brackets_which_rich_takes_for_markup(name):
    assert "[" not in TEXTS[name]


def test_help_tells_the_defaults_of_preprocessing(call):
    told = " ".join(call("run", "--help").out.replace("│", " ").split())
    assert "channel order; rgb by default." in told
    assert "0..255; 1/255 by default." in told
