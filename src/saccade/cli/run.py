"""saccade run: a model watches a video."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from enum import Enum
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated, Any

import typer

from saccade.cli.option_values import parse_channels, parse_divisors, parse_size

if TYPE_CHECKING:
    from saccade.cli.frame_cost import FrameCost
    from saccade.cli.models import ChosenModel
    from saccade.cli.preprocess import Preprocessing
    from saccade.video import Frame, FrameSource

_INTERRUPTED = 130
_MAPS_SHOWN = 6


class Channels(str, Enum):
    """The order of the colour channels."""

    rgb = "rgb"
    bgr = "bgr"


@dataclass
class Tally:
    """What a run has done so far.

    Attributes:
        frames: how many were processed.
        seconds: time spent in the engine.
        macs_done, macs_dense: multiply-accumulates over all frames.
    """

    frames: int = 0
    seconds: float = 0.0
    macs_done: int = 0
    macs_dense: int = 0

    def add(self, cost: FrameCost) -> None:
        """Adds a frame."""
        self.frames += 1
        self.seconds += cost.milliseconds / 1000
        self.macs_done += cost.macs_done or 0
        self.macs_dense += cost.macs_dense or 0

    def __str__(self) -> str:
        rate = f"{self.frames / self.seconds:.1f} frames/s" if self.seconds else ""
        return rate + (f" · {self.macs_done / self.macs_dense:.1%} of the work" if self.macs_dense else "")


def run(
    source: Annotated[
        str, typer.Argument(help="A video file, a folder of images, a webcam index, or an rtsp:// or http:// address.")
    ],
    model: Annotated[
        str,
        typer.Option(help="torchvision:NAME, timm:NAME, an ONNX file, or module.path:factory."),
    ],
    weights: Annotated[
        str | None, typer.Option(help="A .safetensors, .pt, .pth or .th file; DEFAULT for the published ones.")
    ] = None,
    policy: Annotated[str, typer.Option(help="What counts as a change.")] = "exact",
    ignore: Annotated[
        Path | None, typer.Option(help="A picture of the video's size, white where changes do not count.")
    ] = None,
    ignore_box: Annotated[
        list[str] | None, typer.Option(help="x,y,width,height in pixels of the video, ignored too; may be repeated.")
    ] = None,
    size: Annotated[
        str | None,
        typer.Option(help="The model's frame as HxW; the video's own size, or the model's fixed one, by default."),
    ] = None,
    threads: Annotated[int | None, typer.Option(min=1, help="Threads of the engine.")] = None,
    output: Annotated[Path | None, typer.Option(help="Video to write: shows what was recomputed.")] = None,
    events: Annotated[Path | None, typer.Option(help="JSON lines to write: one object a frame.")] = None,
    every: Annotated[int, typer.Option(min=1, help="Process every n-th frame only.")] = 1,
    limit: Annotated[int | None, typer.Option(min=1, help="Stop after so many processed frames.")] = None,
    json_file: Annotated[Path | None, typer.Option("--json", help="Report to write as JSON.")] = None,
    scale: Annotated[float | None, typer.Option(help="Factor of the grey levels 0..255 [1/255].")] = None,
    mean: Annotated[str | None, typer.Option(help="Subtracted after scaling: one number or three.")] = None,
    std: Annotated[str | None, typer.Option(help="Divided by after that: one number or three.")] = None,
    channels: Annotated[Channels | None, typer.Option(help="The model's channel order [rgb].")] = None,
    letterbox: Annotated[bool, typer.Option("--letterbox", help="Keep the proportions when resizing.")] = False,
) -> None:
    """Run a model over a video and recompute only what changed."""
    from saccade.cli.ignored import IgnoredRegions
    from saccade.cli.models import choose_model
    from saccade.video import open_source
    from saccade.video.sinks import check_writable

    ignored = IgnoredRegions.read(ignore, ignore_box or [])
    if json_file is not None:
        check_writable(json_file, "the report")
    changes: dict[str, Any] = {
        "size": parse_size(size),
        "scale": scale,
        "mean": parse_channels(mean),
        "std": parse_divisors(std),
        "channels": channels.value if channels else None,
        "letterbox": letterbox or None,
    }
    interrupted = False
    with ExitStack() as stack, _termination_is_an_interrupt():
        frames = stack.enter_context(open_source(source))
        if hasattr(frames, "notify"):
            frames.notify = lambda line: typer.echo(f"saccade: {line}", err=True)
        sinks = _Sinks.open(stack, output, events, (frames.frame_rate or 25.0) / every)
        chosen = choose_model(model, weights)
        if chosen.warning:
            typer.echo(f"saccade: warning: {chosen.warning}", err=True)
        preprocessing: Preprocessing = replace(
            chosen.preprocessing, **{key: value for key, value in changes.items() if value is not None}
        )
        stream = _incremental(chosen.model, policy, threads, ignored.mask(frames.size, preprocessing))
        watch = _Watch(stream, chosen, preprocessing, sinks)
        try:
            with _progress(frames, every, limit) as advance:
                for frame in _chosen_frames(frames, every, limit):
                    watch.process(frame)
                    advance(str(watch.tally))
        except KeyboardInterrupt:
            interrupted = True
    _finish(stream, watch.tally, frames, chosen, json_file)
    if interrupted:
        typer.echo(f"saccade: interrupted after {watch.tally.frames} frames; what was processed is kept", err=True)
        raise typer.Exit(_INTERRUPTED)


@dataclass
class _Sinks:
    """Where the results go; either may be absent."""

    video: Any = None
    events: Any = None

    @classmethod
    def open(cls, stack: ExitStack, output: Path | None, events: Path | None, frame_rate: float) -> _Sinks:
        from saccade.video import EventsSink, VideoSink

        video = stack.enter_context(VideoSink(output, frame_rate)) if output else None
        return cls(video, stack.enter_context(EventsSink(events)) if events else None)


@dataclass
class _Watch:
    """A stream, and what happens with each frame."""

    stream: Any
    chosen: ChosenModel
    preprocessing: Preprocessing
    sinks: _Sinks

    def __post_init__(self) -> None:
        self.tally = Tally()

    def process(self, frame: Frame) -> None:
        """Runs the model on a frame and writes what comes of it."""
        from saccade.cli.frame_cost import frame_cost

        tensor = self.preprocessing(frame.rgb)
        start = time.perf_counter()
        outputs = self.stream(tensor)
        cost = frame_cost(self.stream, (time.perf_counter() - start) * 1000)
        self.tally.add(cost)
        if self.sinks.events is not None:
            self.sinks.events.write(_event(frame, cost, outputs, self.chosen))
        if self.sinks.video is not None:
            self.sinks.video.write(_picture(frame, cost, self.stream))


def _incremental(model: Any, policy: str, threads: int | None, ignore: Any) -> Any:
    import saccade

    return saccade.incremental(model, policy=policy, threads=threads, ignore=ignore)


def _chosen_frames(source: FrameSource, every: int, limit: int | None) -> Iterator[Frame]:
    """Yields every n-th frame, at most ``limit`` of them."""
    done = 0
    for frame in source:
        if frame.index % every:
            continue
        yield frame
        done += 1
        if done == limit:
            return


def _event(frame: Frame, cost: FrameCost, outputs: Any, chosen: ChosenModel) -> dict[str, Any]:
    from saccade.cli.summary import summarise

    return {
        "index": frame.index,
        "time": round(frame.time, 6),
        "changed": cost.input_share,
        "macs_done": cost.macs_done,
        "macs_dense": cost.macs_dense,
        "milliseconds": round(cost.milliseconds, 4),
        "outputs": summarise(outputs, chosen.categories),
    }


def _picture(frame: Frame, cost: FrameCost, stream: Any) -> Any:
    from saccade.cli.change_pictures import input_map, operator_maps
    from saccade.video import draw_overlay

    maps = stream.change_maps()
    title = f"frame {frame.index}   {cost.milliseconds:.1f} ms"
    return draw_overlay(
        frame.rgb,
        change_map=input_map(maps),
        title=title,
        share=cost.work_share,
        maps=operator_maps(maps, _MAPS_SHOWN),
    )


@contextmanager
def _progress(source: FrameSource, every: int, limit: int | None) -> Iterator[Any]:
    """Shows a progress bar on stderr; gives the function that advances it by a frame."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    total = -(-source.frames_expected // every) if source.frames_expected else None
    total = limit if limit is not None and (total is None or limit < total) else total
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[numbers]}"),
    )
    with Progress(*columns, console=Console(stderr=True)) as progress:
        task = progress.add_task(Path(source.name).name, total=total, numbers="")
        yield lambda numbers: progress.update(task, advance=1, numbers=numbers)


@contextmanager
def _termination_is_an_interrupt() -> Iterator[None]:
    """Lets the signal that service managers send end a run as Ctrl-C does: with its files complete."""

    def interrupt(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    try:
        before = signal.signal(signal.SIGTERM, interrupt)
    except ValueError:  # not in the main thread
        yield
        return
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _finish(stream: Any, tally: Tally, source: FrameSource, chosen: ChosenModel, json_file: Path | None) -> None:
    """Prints the report, says what was wrong with the source, and writes the report's file."""
    from saccade.cli.versions import versions
    from saccade.video.sinks import write_json

    if tally.frames:
        report = stream.report()
        typer.echo(str(report))
        if json_file is not None:
            write_json(
                json_file,
                {
                    "source": source.name,
                    "model": chosen.name,
                    "frames": tally.frames,
                    "truncated": source.truncated,
                    "report": report.to_dict(),
                    "versions": versions(),
                },
            )
    typer.echo(f"{tally.frames} frames · {tally}" if tally.frames else "no frames", err=True)
    if source.truncated:
        typer.echo(f"saccade: warning: {source.truncated}", err=True)
