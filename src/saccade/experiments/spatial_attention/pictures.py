"""How the figures look, and how they get to disk whole."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from saccade.errors import SinkError

PUBLISHED, CORRECTED, ENGINE, QUIET = "#c2571a", "#1f6f8b", "#2b8a3e", "#6b7280"
"""Colours of the published rule, the corrected rule, the engine, and of what stands in the background."""
CHANGED, KEPT = "#f2a33a", "#1f2730"
"""Colours of a change map."""
DOTS_PER_INCH = 110


def save(figure: Figure, path: Path) -> None:
    """Writes a figure as PNG, whole or not at all.

    Raises:
        SinkError: when it cannot be written.
    """
    draft = path.with_name(f".{path.stem}.{os.getpid()}.partial.png")
    try:
        figure.savefig(draft, dpi=DOTS_PER_INCH)
        os.replace(draft, path)
    except OSError as error:
        raise SinkError(f"cannot write the figure {path.name!r}: {error.strerror}") from error
    finally:
        draft.unlink(missing_ok=True)


def without_ticks(axes: Any) -> None:
    """Takes ticks and frame off a picture's axes, keeping its labels."""
    axes.set_xticks([])
    axes.set_yticks([])
    for side in axes.spines.values():
        side.set_visible(False)
