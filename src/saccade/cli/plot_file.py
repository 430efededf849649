"""Whether a plot can be written where the user wants it."""

from __future__ import annotations

from pathlib import Path


def check_plot(path: Path) -> None:
    """Makes sure, before anything is computed, that a plot has a PNG's name and can be written.

    Raises:
        SinkError: when it cannot, or has another name.
    """
    from saccade.errors import SinkError
    from saccade.video.sinks import check_writable

    if path.suffix.lower() != ".png":
        raise SinkError(f"cannot write the plot to {str(path)!r}: expected a name that ends in .png")
    check_writable(path, "the plot")
