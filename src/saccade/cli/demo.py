"""saccade demo: dense against incremental, side by side, on a scene that the package renders."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from saccade.demo.comparison import Comparison, Totals
    from saccade.video.side_by_side import SideBySide

# Training never saw this street: its seeds stay below 1,000.
SEED = 200_019
CROWD = 0.6
FRAME_RATE = 20.0
_DIFFERED = 1


def demo(
    out: Annotated[Path, typer.Option(help="Folder for the video and the plot.")] = Path("saccade-demo"),
    frames: Annotated[int, typer.Option(min=2, help="Frames to render.")] = 120,
    json_file: Annotated[Path | None, typer.Option("--json", help="Results to write as JSON.")] = None,
) -> None:
    """Watch a rendered street, dense against incremental; needs no network and no files."""
    from saccade.cli.outputs import check_outputs
    from saccade.cli.versions import versions
    from saccade.demo.plot import write_plot
    from saccade.video.sinks import check_writable, write_json

    video, plot = out / "demo.mp4", out / "demo.png"
    check_outputs({"--json": json_file, "the video of --out": video, "the plot of --out": plot})
    if json_file is not None and not _is_made_with(out, json_file.parent):
        check_writable(json_file, "the results")
    _make_folder(out)
    check_writable(plot, "the plot")
    totals = _watch(frames, video)
    write_plot(totals, plot)
    _print(totals, video, plot)
    if json_file is not None:
        write_json(json_file, totals.to_dict() | {"versions": versions()})
    if totals.identical < totals.frames:
        typer.echo("saccade: some frames differ from the dense pass; run `saccade doctor`", err=True)
        raise typer.Exit(_DIFFERED)


def _watch(frames: int, video: Path) -> Totals:
    """Runs the comparison on one core and draws it; returns what it came to."""
    import torch
    from rich.console import Console
    from rich.progress import track

    import saccade
    from saccade.demo.comparison import Totals, compare
    from saccade.demo.network import load_detector
    from saccade.demo.scene import Scene
    from saccade.video import VideoSink
    from saccade.video.side_by_side import SideBySide

    scene, detector, totals, painter = (
        Scene(SEED, frames, crowd=CROWD),
        load_detector(),
        Totals.empty(),
        SideBySide(frames),
    )
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with VideoSink(video, FRAME_RATE) as sink:
            stream, work = saccade.incremental(detector, threads=1), dict[str, int]()
            comparisons = compare(stream, detector, (rgb for rgb, _ in scene))
            console = Console(stderr=True)
            for comparison in track(comparisons, "watching a street", total=frames, console=console):
                totals.add(comparison)
                work = work or {row.name: row.macs_dense for row in stream.report().operators}
                sink.write(_picture(painter, comparison, work))
    finally:
        torch.set_num_threads(threads)
    return totals


def _picture(painter: SideBySide, comparison: Comparison, work: dict[str, int]) -> Any:
    """Returns the next picture of the video; ``work`` is each operator's multiply-accumulates."""
    import numpy as np

    from saccade.cli.change_pictures import input_map, planes
    from saccade.demo.detections import decode
    from saccade.video import Box
    from saccade.video.effort import effort_map

    found = decode(*comparison.outputs)
    boxes = [Box(x.left, x.top, x.right, x.bottom, x.label, x.kind) for x in found]
    changed = input_map(comparison.change_maps)
    return painter.draw(
        comparison.rgb,
        changed if changed is not None else np.zeros((1, 1), dtype=bool),
        effort_map(planes(comparison.change_maps), work, comparison.rgb.shape[:2]),
        boxes,
        comparison.dense_milliseconds,
        comparison.incremental_milliseconds,
        comparison.share,
    )


def _is_made_with(folder: Path, other: Path) -> bool:
    """Tells whether making a folder makes another one too: the same, or one above that is not there yet."""
    return not other.exists() and folder.absolute().is_relative_to(other.absolute())


def _make_folder(folder: Path) -> None:
    from saccade.errors import SinkError

    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SinkError(
            f"cannot make the folder {str(folder)!r}: {error.strerror}; choose another one with --out"
        ) from error


def _print(totals: Totals, video: Path, plot: Path) -> None:
    import statistics

    from rich.console import Console
    from rich.table import Table

    table = Table(title=f"{totals.frames} frames, 384x640, one core", title_justify="left")
    for heading in ("", "median ms", "total s", "work", "speed-up"):
        table.add_column(heading, justify="right" if heading else "left")
    work = f"{statistics.fmean(totals.shares):.1%}"
    for name, values, share in (
        ("torch, eager", totals.torch_milliseconds, "100%"),
        ("saccade, dense", totals.dense_milliseconds, "100%"),
        ("saccade, incremental", totals.incremental_milliseconds, work),
    ):
        factor = statistics.median(totals.torch_milliseconds) / statistics.median(values)
        table.add_row(name, f"{statistics.median(values):.2f}", f"{sum(values) / 1000:.2f}", share, f"{factor:.1f}")
    console = Console()
    console.print(table)
    console.print(
        f"{totals.identical} of {totals.frames} frames bit-identical to the dense pass; "
        f"largest relative difference from torch {totals.error:.1e}"
    )
    console.print(f"wrote {video} and {plot}")
