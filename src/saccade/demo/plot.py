"""The demo's plot: time and work of every frame."""

from __future__ import annotations

import os
from pathlib import Path

from saccade.demo.comparison import Totals
from saccade.errors import SinkError


def write_plot(totals: Totals, path: Path) -> None:
    """Writes a PNG of the time and the work of every frame; of a link, what it leads to is written.

    Raises:
        SinkError: when it cannot be written.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 5.4), dpi=140, layout="constrained")
    time, work = figure.subplots(2, 1, sharex=True)
    for name, values, colour in (
        ("torch, eager", totals.torch_milliseconds, "#8a949e"),
        ("saccade, dense", totals.dense_milliseconds, "#3b8fd9"),
        ("saccade, incremental", totals.incremental_milliseconds, "#f08a1d"),
    ):
        time.plot(values, color=colour, label=name, linewidth=1.6)
    time.set_ylabel("milliseconds a frame")
    time.set_ylim(bottom=0)
    time.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), frameon=False)
    time.set_title(
        f"{totals.frames} frames on one core: {totals.speed_up(totals.torch_milliseconds):.1f} times as fast as torch "
        f"(medians); {totals.identical} of {totals.frames} bit-identical to dense",
        fontsize=10,
        loc="left",
    )
    work.fill_between(range(totals.frames), [100 * x for x in totals.shares], color="#f9c58d", label="work done")
    work.plot([100 * x for x in totals.input_shares], color="#b3541e", linewidth=1.3, label="pixels changed")
    work.set_ylabel("% of dense")
    work.set_xlabel("frame")
    work.set_ylim(0, 100)
    work.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), frameon=False)
    for axes in (time, work):
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(axis="y", color="#e6e9ec", linewidth=0.8)
        axes.set_axisbelow(True)
        axes.margins(x=0)
    target = Path(os.path.realpath(path))
    partial = target.with_name(f".{target.name}.{os.getpid()}.partial")
    try:
        with partial.open("wb") as file:
            figure.set_canvas(FigureCanvasAgg(figure))
            figure.savefig(file, format="png")
        os.replace(partial, target)
    except OSError as error:
        raise SinkError(f"cannot write the plot {str(path)!r}: {error.strerror}") from error
    finally:
        partial.unlink(missing_ok=True)
