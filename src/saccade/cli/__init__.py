"""The command line: one verb a file."""

from saccade.cli.application import app, main

__all__ = ["app", "main"]
