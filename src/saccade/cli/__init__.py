"""The command line: one verb a file."""

from typing import TYPE_CHECKING, Any

from saccade.cli.entry_point import main

if TYPE_CHECKING:
    from saccade.cli.application import app

__all__ = ["app", "main"]


def __getattr__(name: str) -> Any:
    if name == "app":  # late, since an interrupt while the verbs load has to find main at work
        from saccade.cli.application import app

        return app
    raise AttributeError(f"module 'saccade.cli' has no attribute {name!r}")
