"""saccade regions: the model only inside boxes of changed regions, beside the engine and a dense pass.

The first frame's output, held, stands beside them: agreement that does not exceed its is worth nothing, as with random
weights, whose output hardly depends on the picture.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from saccade.cli.option_values import parse_size

if TYPE_CHECKING:
    from saccade.experiments.spatial_attention.boxes import BoxedModel


class Against(str, Enum):
    """What a picture is compared with."""

    previous = "previous"
    consumed = "consumed"


_CONTENDERS = ("dense", "regions", "engine")
_HELD = "first output, held"


@dataclass
class Tally:
    """One way of computing, over the frames behind the first.

    Attributes:
        milliseconds, work, agreement, error: one value a frame: time, share of the dense multiply-adds, share of pixels
            with the dense pass's class, relative L2 error of the output.
    """

    milliseconds: list[float] = field(default_factory=list)
    work: list[float] = field(default_factory=list)
    agreement: list[float] = field(default_factory=list)
    error: list[float] = field(default_factory=list)

    def add(self, milliseconds: float, work: float, output: Any, expected: Any) -> None:
        """Adds a frame's output (1, K, H, W), to be held against the dense pass's."""
        from saccade.experiments.spatial_attention.boxes import labels
        from saccade.measure import relative_error

        self.milliseconds.append(milliseconds)
        self.work.append(work)
        self.agreement.append(float((labels(output) == labels(expected)).float().mean()))
        self.error.append(relative_error([output], [expected]))

    def to_dict(self) -> dict[str, float]:
        """Returns means and medians."""
        return {
            "median_milliseconds": statistics.median(self.milliseconds),
            "mean_milliseconds": statistics.fmean(self.milliseconds),
            "mean_work": statistics.fmean(self.work),
            "mean_agreement": statistics.fmean(self.agreement),
            "least_agreement": min(self.agreement),
            "mean_relative_error": statistics.fmean(self.error),
        }


def regions(
    source: Annotated[str, typer.Argument(help="A video file, a folder of images, a webcam index, or an address.")],
    model: Annotated[str, typer.Option(help="A segmentation model: torchvision:NAME, or module.path:factory.")],
    weights: Annotated[str | None, typer.Option(help="A file of weights; DEFAULT for the published ones.")] = None,
    threshold: Annotated[float, typer.Option(help="Grey levels by which a pixel must differ to have changed.")] = 100,
    pixels: Annotated[int, typer.Option(help="A connected region counts when it has more pixels.")] = 500,
    grow: Annotated[int, typer.Option(help="Pixels that its box is widened by on every side.")] = 3,
    against: Annotated[
        Against, typer.Option(help="Compare with the frame before, as published, or with what was last segmented.")
    ] = Against.previous,
    policy: Annotated[str, typer.Option(help="The engine's policy.")] = "exact",
    size: Annotated[str | None, typer.Option(help="The frame as HxW; the video's own size by default.")] = None,
    frames: Annotated[int, typer.Option(min=2, help="Stop after so many frames.")] = 50,
    threads: Annotated[int, typer.Option(min=1, help="Threads of every contender.")] = 1,
    output: Annotated[Path | None, typer.Option(help="Video to write: shows the boxes.")] = None,
    json_file: Annotated[Path | None, typer.Option("--json", help="Results to write as JSON.")] = None,
) -> None:
    """Run a segmentation model inside changed regions only, beside the engine and a dense pass."""
    import torch

    from saccade.cli.models import choose_model
    from saccade.cli.outputs import check_outputs
    from saccade.cli.warning import warn
    from saccade.errors import SourceError, UnknownModelError
    from saccade.policy.regions import RegionRule
    from saccade.video import VideoSink, open_source
    from saccade.video.sinks import check_writable

    check_outputs(
        {"--output": output, "--json": json_file}, [("SOURCE", source), ("--weights", weights), ("--policy", policy)]
    )
    rule = RegionRule(threshold, pixels, grow)
    if json_file is not None:
        check_writable(json_file, "the results")
    with ExitStack() as stack:
        video = stack.enter_context(open_source(source))
        sink = stack.enter_context(VideoSink(output, video.frame_rate or 25.0)) if output else None
        chosen = choose_model(model, weights)
        if not isinstance(chosen.model, torch.nn.Module):
            raise UnknownModelError(
                f"{model!r} is an ONNX file; saccade regions needs a torch module: give torchvision:NAME"
            )
        warn(chosen.warning)
        stack.callback(torch.set_num_threads, torch.get_num_threads())
        torch.set_num_threads(threads)
        stack.enter_context(torch.inference_mode())
        chosen = replace(chosen, preprocessing=replace(chosen.preprocessing, size=parse_size(size)))
        contest = _Contest.of(chosen, rule, against is Against.consumed, policy, threads)
        for frame in _progress(video, frames):
            contest.show(frame.rgb, sink)
    warn(video.truncated)
    if contest.frames < 2:
        raise SourceError(f"{video.name!r} has {contest.frames} frames; expected at least 2 to compare")
    _print(contest)
    if json_file is not None:
        _write(json_file, contest, video, model, rule)


@dataclass
class _Contest:
    """Dense, boxes and engine on the same frames."""

    dense: Callable[[Any], Any]
    boxed: BoxedModel
    stream: Any
    prepare: Callable[[Any], Any]
    resize: Callable[[Any], Any]
    frames: int = 0
    boxes: int = 0
    first: Any = None
    tallies: dict[str, Tally] = field(default_factory=lambda: {name: Tally() for name in (*_CONTENDERS, _HELD)})

    @classmethod
    def of(cls, chosen: Any, rule: Any, consumed: bool, policy: str, threads: int) -> _Contest:
        import copy

        import torch

        import saccade
        from saccade.experiments.spatial_attention.boxes import BoxedModel

        preprocessing = chosen.preprocessing
        in_place = replace(preprocessing, size=None)

        def prepare(rgb: Any) -> Any:
            return in_place(rgb).contiguous(memory_format=torch.channels_last)

        stream = saccade.incremental(chosen.model, policy=policy, threads=threads)
        dense = copy.deepcopy(chosen.model).to(memory_format=torch.channels_last)
        boxed = BoxedModel(dense, rule, prepare, consumed=consumed)
        return cls(dense, boxed, stream, prepare, lambda rgb: _resized(rgb, preprocessing.size))

    def show(self, rgb: Any, sink: Any) -> None:
        """Shows a picture to all of them; the first one, which all compute densely, is not counted."""
        from saccade.experiments.spatial_attention.boxes import picture_output

        rgb = self.resize(rgb)
        frame = self.prepare(rgb)
        names = list(_CONTENDERS)
        results: dict[str, tuple[float, Any]] = {}
        calls = {
            "dense": lambda: picture_output(_densely(self.dense, frame), frame),
            "regions": lambda: self.boxed(rgb),
            "engine": lambda: picture_output(self.stream(frame), frame),
        }
        start = self.frames % len(names)
        for name in names[start:] + names[:start]:
            began = time.perf_counter()
            output = calls[name]()
            results[name] = ((time.perf_counter() - began) * 1e3, output)
        self.first = results["dense"][1] if self.first is None else self.first
        results[_HELD] = (0.0, self.first)
        if self.frames:
            done, whole = self.boxed.macs(rgb)
            cost = self.stream.last_frame
            engine = cost.macs_done / max(cost.macs_dense, 1)
            work = {"dense": 1.0, "regions": done / whole, "engine": engine, _HELD: 0.0}
            for name, (milliseconds, output) in results.items():
                self.tallies[name].add(milliseconds, work[name], output, results["dense"][1])
            self.boxes += len(self.boxed.regions)
        self.frames += 1
        if sink is not None:
            sink.write(self._picture(rgb))

    def _picture(self, rgb: Any) -> Any:
        from saccade.video import Box, draw_overlay

        boxes = [Box(x.left, x.top, x.right - 1, x.bottom - 1) for x in self.boxed.regions]
        return draw_overlay(rgb, boxes=boxes, title=f"frame {self.frames - 1}   {len(boxes)} regions")


def _densely(model: Any, frame: Any) -> Any:
    from saccade.peers.peer import failure_told

    with failure_told(model, frame):
        return model(frame)


def _resized(rgb: Any, size: tuple[int, int] | None) -> Any:
    import numpy as np
    from PIL import Image

    if size is None or rgb.shape[:2] == size:
        return rgb
    return np.asarray(Image.fromarray(rgb).resize((size[1], size[0]), Image.Resampling.BILINEAR))


def _progress(video: Any, frames: int) -> Any:
    import itertools

    from rich.console import Console
    from rich.progress import track

    expected = min(video.frames_expected or frames, frames)
    console = Console(stderr=True)
    return track(itertools.islice(iter(video), frames), "watching", total=expected, console=console)


def _print(contest: _Contest) -> None:
    from rich.console import Console
    from rich.table import Table

    counted = contest.frames - 1
    table = Table(title=f"{counted} frames behind the first, {contest.boxes} regions", title_justify="left")
    for heading in ("", "median ms", "mean ms", "work", "same class", "least", "relative error"):
        table.add_column(heading, justify="right" if heading else "left")
    for name, tally in contest.tallies.items():
        of = tally.to_dict()
        table.add_row(
            name, f"{of['median_milliseconds']:.1f}", f"{of['mean_milliseconds']:.1f}", f"{of['mean_work']:.1%}",
            f"{of['mean_agreement']:.2%}", f"{of['least_agreement']:.2%}", f"{of['mean_relative_error']:.1e}",
        )  # fmt: skip
    Console().print(table)


def _write(path: Path, contest: _Contest, video: Any, model: str, rule: Any) -> None:
    from dataclasses import asdict

    from saccade.cli.versions import versions
    from saccade.video.sinks import write_json

    write_json(
        path,
        {
            "source": video.name,
            "model": model,
            "truncated": video.truncated,
            "rule": asdict(rule),
            "frames": contest.frames,
            "regions": contest.boxes,
            "contenders": {name: tally.to_dict() for name, tally in contest.tallies.items()},
            "versions": versions(),
        },
    )
