"""saccade run: a model watches a video."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from saccade.cli.preprocess_options import (
    ChannelsOption,
    LetterboxOption,
    MeanOption,
    ScaleOption,
    SizeOption,
    StdOption,
    changed,
    preprocessing_changes,
)
from saccade.cli.termination import INTERRUPTED, interrupts_held

if TYPE_CHECKING:
    from saccade.cli.finds import Find
    from saccade.cli.frame_cost import FrameCost
    from saccade.cli.models import ChosenModel
    from saccade.cli.preprocess import Preprocessing
    from saccade.runtime import Audited
    from saccade.video import Frame, FrameSource

_MAPS_SHOWN = 6


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
        typer.Option(
            help="torchvision:NAME, timm:NAME, an ONNX file, what saccade train left, or module.path:factory."
        ),
    ],
    weights: Annotated[
        str | None, typer.Option(help="A .safetensors, .pt, .pth or .th file; DEFAULT for the published ones.")
    ] = None,
    policy: Annotated[
        str,
        typer.Option(help="What counts as a change: exact, balanced, balanced:0.05, near, gate:2, profile.json, ..."),
    ] = "exact",
    ignore: Annotated[
        Path | None, typer.Option(help="A picture of the video's size, white where changes do not count.")
    ] = None,
    ignore_box: Annotated[
        list[str] | None, typer.Option(help="x,y,width,height in pixels of the video, ignored too; may be repeated.")
    ] = None,
    moving_camera: Annotated[
        bool, typer.Option("--moving-camera", help="Follow a camera that pans; for networks whose outputs are maps.")
    ] = False,
    margin: Annotated[
        int | None, typer.Option(min=1, help="Pixels that a moving camera's canvas is larger than the frame; 128.")
    ] = None,
    audit: Annotated[
        float | None, typer.Option(help="Measure the error on one frame in so many, or on a share between 0 and 1.")
    ] = None,
    error_limit: Annotated[
        float | None, typer.Option(help="Compute an audited frame afresh when its relative L2 error is above this.")
    ] = None,
    metric: Annotated[
        str | None,
        typer.Option(help="Disagreement that audits count: detections, top1, masks, raw or module:function."),
    ] = None,
    decoder: Annotated[
        str | None, typer.Option(help="What reads boxes from the outputs: fastestdet, torchvision or ultraface.")
    ] = None,
    categories: Annotated[
        Path | None, typer.Option(help="A text file of the classes' names, one a line; known of torchvision's weights.")
    ] = None,
    size: SizeOption = None,
    threads: Annotated[int | None, typer.Option(min=1, help="Threads of the engine.")] = None,
    output: Annotated[Path | None, typer.Option(help="Video to write: shows what was recomputed.")] = None,
    events: Annotated[Path | None, typer.Option(help="JSON lines to write: one object a frame.")] = None,
    every: Annotated[int, typer.Option(min=1, help="Process every n-th frame only.")] = 1,
    frames: Annotated[int | None, typer.Option(min=1, help="Stop after so many processed frames.")] = None,
    json_file: Annotated[Path | None, typer.Option("--json", help="Report to write as JSON.")] = None,
    scale: ScaleOption = None,
    mean: MeanOption = None,
    std: StdOption = None,
    channels: ChannelsOption = None,
    letterbox: LetterboxOption = False,
) -> None:
    """Run a model over a video and recompute only what changed."""
    from saccade.cli.categories import read_categories
    from saccade.cli.ignored import IgnoredRegions
    from saccade.cli.models import choose_model
    from saccade.cli.moving_camera import check_moving_camera
    from saccade.cli.outputs import check_outputs
    from saccade.cli.warning import warn
    from saccade.video import open_source
    from saccade.video.sinks import check_writable

    check_outputs(
        {"--output": output, "--events": events, "--json": json_file},
        [("SOURCE", source), ("--model", model), ("--weights", weights), ("--policy", policy), ("--ignore", ignore),
         ("--categories", categories)],
    )  # fmt: skip
    check_moving_camera(moving_camera, margin, ignore is not None or bool(ignore_box))
    ignored = IgnoredRegions.read(ignore, ignore_box or [])
    names = read_categories(categories)
    audits = _checked_audits(audit, error_limit, metric, decoder)
    if json_file is not None:
        check_writable(json_file, "the report")
    changes = preprocessing_changes(size, scale, mean, std, channels, letterbox)
    interrupted = False
    with ExitStack() as stack:
        video = stack.enter_context(open_source(source))
        if hasattr(video, "notify"):
            video.notify = lambda line: typer.echo(f"saccade: {line}", err=True)
        sinks = _Sinks.open(stack, output, events, (video.frame_rate or 25.0) / every)
        chosen = choose_model(model, weights)
        chosen = replace(chosen, categories=names or chosen.categories)
        warn(chosen.warning)
        preprocessing = changed(chosen.preprocessing, changes)
        mask = ignored.mask(video.size, preprocessing)
        stream = _stream(chosen.model, policy, threads, audits, mask, (moving_camera, margin))
        watch = _Watch(stream, chosen, preprocessing, sinks, decoder or "")
        try:
            with _progress(video, every, frames) as advance:
                for frame in _chosen_frames(video, every, frames):
                    watch.process(frame)
                    advance(str(watch.tally))
        except KeyboardInterrupt:
            interrupted = True
    _finish(stream, watch.tally, video, chosen, json_file)
    if interrupted:
        typer.echo(f"saccade: interrupted after {watch.tally.frames} frames; what was processed is kept", err=True)
        raise typer.Exit(INTERRUPTED)


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
    decoder: str = ""

    def __post_init__(self) -> None:
        from saccade.cli.audit_note import AuditNote
        from saccade.cli.verdict import Verdicts

        self.tally = Tally()
        self.note = AuditNote()
        self.verdicts = Verdicts()

    def process(self, frame: Frame) -> None:
        """Runs the model on a frame and writes what comes of it, to every sink or, when interrupted before, to none."""
        from saccade.cli.frame_cost import frame_cost

        tensor = self.preprocessing(frame.rgb)
        start = time.perf_counter()
        outputs = self.stream(tensor)
        milliseconds = (time.perf_counter() - start) * 1000
        with interrupts_held():
            cost = frame_cost(self.stream, milliseconds)
            if self.sinks.events is not None or self.sinks.video is not None:
                self._write(frame, (tensor.shape[2], tensor.shape[3]), outputs, cost)
            self.tally.add(cost)

    def _write(self, frame: Frame, size: tuple[int, int], outputs: Any, cost: FrameCost) -> None:
        """Writes what came of a frame of ``size`` (H, W); all of it is ready before the first sink gets its part."""
        from saccade.cli.finds import read_finds
        from saccade.cli.moving_camera import camera_event, camera_note, outputs_offset

        sizes = size, (frame.rgb.shape[0], frame.rgb.shape[1])
        offset = outputs_offset(self.stream, outputs, size)
        finds = read_finds(outputs, self.preprocessing, *sizes, self.chosen.categories, self.decoder, offset)
        audited = getattr(self.stream, "last_audit", None)
        event = picture = None
        if self.sinks.events is not None:
            event = _event(frame, cost, outputs, self.chosen, finds, audited) | camera_event(self.stream)
            event |= self.verdicts.after(self.stream)
        if self.sinks.video is not None:
            words, alarm = self.note.after(audited)
            words = "   ".join(part for part in (camera_note(self.stream), words) if part)
            picture = _picture(frame, cost, self.stream, finds or [], (words, alarm))
        if picture is not None:
            self.sinks.video.write(picture)
        if event is not None:
            self.sinks.events.write(event)


def _checked_audits(
    audit: float | None, error_limit: float | None, metric: str | None, decoder: str | None
) -> dict[str, Any]:
    """Returns what the stream is told of audits, checked before anything is opened."""
    from saccade.agreement import decoders
    from saccade.runtime.audit import make_audit

    if decoder is not None:
        decoders.get(decoder)
        if metric is None and audit is not None:
            metric = f"detections:{decoder}"
    make_audit(audit, error_limit, metric)
    return {"audit": audit, "error_limit": error_limit, "metric": metric}


def _stream(
    model: Any, policy: str, threads: int | None, audits: dict[str, Any], ignore: Any, camera: tuple[bool, int | None]
) -> Any:
    import saccade
    from saccade.cli.moving_camera import canvas_stream

    moving, margin = camera
    if moving:
        return canvas_stream(model, policy, threads, margin, audits)
    return saccade.incremental(model, policy=policy, threads=threads, ignore=ignore, **audits)


def _chosen_frames(source: FrameSource, every: int, count: int | None) -> Iterator[Frame]:
    """Yields every n-th frame, at most ``count`` of them."""
    done = 0
    for frame in source:
        if frame.index % every:
            continue
        yield frame
        done += 1
        if done == count:
            return


def _event(
    frame: Frame,
    cost: FrameCost,
    outputs: Any,
    chosen: ChosenModel,
    finds: list[Find] | None,
    audited: Audited | None,
) -> dict[str, Any]:
    from saccade.cli.audit_note import audit_event
    from saccade.cli.summary import summarise

    detected = None if finds is None else {"detections": [find.to_dict() for find in finds]}

    return {
        "index": frame.index,
        "time": round(frame.time, 6),
        "changed": cost.input_share,
        "macs_done": cost.macs_done,
        "macs_dense": cost.macs_dense,
        "milliseconds": round(cost.milliseconds, 4),
        "outputs": detected or summarise(outputs, chosen.categories),
        **audit_event(audited),
    }


def _picture(frame: Frame, cost: FrameCost, stream: Any, finds: list[Find], note: tuple[str, bool]) -> Any:
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
        boxes=[find.to_box() for find in finds],
        note=note[0],
        alarm=note[1],
    )


@contextmanager
def _progress(source: FrameSource, every: int, count: int | None) -> Iterator[Any]:
    """Shows a progress bar on stderr; gives the function that advances it by a frame."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    total = -(-source.frames_expected // every) if source.frames_expected else None
    total = count if count is not None and (total is None or count < total) else total
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


def _finish(stream: Any, tally: Tally, source: FrameSource, chosen: ChosenModel, json_file: Path | None) -> None:
    """Prints the report, says what was wrong with the source, and writes the report's file."""
    from saccade.cli.versions import versions
    from saccade.cli.warning import warn
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
    typer.echo(str(tally) if tally.frames else "no frames", err=True)  # how many they were stands in the report
    warn(source.truncated)
