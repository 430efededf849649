"""A plot's file: complete or not at all."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from saccade.errors import SinkError

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def save_figure(figure: Figure, path: Path) -> None:
    """Writes a figure as PNG, without a display; of a link, what it leads to is written.

    Raises:
        SinkError: when it cannot be written.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    target = Path(os.path.realpath(path))
    partial = target.with_name(f".{target.name}.{os.getpid()}.partial")
    try:
        with partial.open("wb") as file:
            figure.set_canvas(FigureCanvasAgg(figure))
            figure.savefig(file, format="png")
        os.replace(partial, target)
    except OSError as failure:
        raise SinkError(f"cannot write the plot {str(path)!r}: {failure.strerror}") from failure
    finally:
        partial.unlink(missing_ok=True)
