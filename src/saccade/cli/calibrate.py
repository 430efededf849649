"""saccade calibrate: from a clip and an error that is allowed to a policy's profile."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from saccade.cli.bench.options import ModelOption, ThreadsOption, WeightsOption
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

if TYPE_CHECKING:
    from saccade.calibration import Calibration, Goal

MOST_BYTES = 1 << 30


def calibrate(
    clip: Annotated[str, typer.Argument(help="A video of the camera, without labels; two thirds are searched on.")],
    model: ModelOption,
    output: Annotated[Path, typer.Option(help="Profile to write; saccade run --policy PROFILE.json loads it.")],
    weights: WeightsOption = None,
    error: Annotated[float | None, typer.Option(help="Mean relative L2 error that is allowed, such as 0.1.")] = None,
    disagreement: Annotated[
        str | None, typer.Option(help="Mean disagreement of the task that is allowed, such as 0.5% or 0.005.")
    ] = None,
    metric: Annotated[
        str | None,
        typer.Option(help="Of the disagreement: detections, top1, masks, raw or module:function; by the outputs."),
    ] = None,
    policy: Annotated[str, typer.Option(help="balanced (least time) or frugal (fewest multiply-adds).")] = "balanced",
    frames: Annotated[int, typer.Option(min=1, help="Frames of the clip, at most.")] = 180,
    plot: Annotated[Path | None, typer.Option(help="Plot to write; the profile's name with .png by default.")] = None,
    size: SizeOption = None,
    threads: ThreadsOption = 1,
    scale: ScaleOption = None,
    mean: MeanOption = None,
    std: StdOption = None,
    channels: ChannelsOption = None,
    letterbox: LetterboxOption = False,
) -> None:
    """Find the thresholds that do the least work under a goal, and check them on frames kept back."""
    import saccade
    from saccade.agreement import resolve_metric
    from saccade.calibration import calibrate as search
    from saccade.cli.calibration_plot import write_calibration_plot
    from saccade.cli.models import choose_model
    from saccade.cli.outputs import check_outputs
    from saccade.cli.plot_file import check_plot
    from saccade.cli.warning import warn
    from saccade.video.sinks import check_writable, write_json

    base = _base(policy)
    limit = _limit(error, disagreement)
    if metric is not None and disagreement is None:
        raise typer.BadParameter(f"--metric {metric} was given with --error; expected it with --disagreement only")
    given = None if metric is None else resolve_metric(metric)
    _check_count(frames)
    changes = preprocessing_changes(size, scale, mean, std, channels, letterbox)
    if output.suffix != ".json":
        raise typer.BadParameter(f"--output {output} was given; expected a name that ends in .json")
    picture = output.with_suffix(".png") if plot is None else plot
    check_outputs(
        {"--output": output, "--plot": picture},
        [("CLIP", clip), ("--model", model), ("--weights", weights), ("--policy", policy)],
    )
    check_writable(output, "the profile")
    check_plot(picture)
    chosen = choose_model(model, weights)
    warn(chosen.warning)
    taken = _frames(clip, changed(chosen.preprocessing, changes), frames)
    stream = saccade.incremental(chosen.model, threads=threads)
    goal = _goal(limit, disagreement is not None, given, stream, taken)
    with _status() as say:
        found = search(stream, taken, goal, base, say)
    for warning in found.warnings:
        warn(warning)
    write_calibration_plot(found, f"{Path(chosen.name).name} on {Path(clip).name}", picture)
    write_json(output, found.profile.model_dump(mode="json"))
    _print(found, output, picture)


def _base(policy: str) -> Any:
    from saccade.policy import Balanced, Calibrated, resolve_policy

    resolved = resolve_policy(policy)
    if not isinstance(resolved, Balanced):
        raise typer.BadParameter(f"--policy {policy} was given; expected balanced or frugal")
    if resolved.error is not None:
        raise typer.BadParameter(
            f"--policy {policy} was given; expected balanced or frugal without a number: the goal is that of --error "
            "or --disagreement"
        )
    tolerance = resolved.tolerance
    return Calibrated(longest=resolved.longest, least_cost=tolerance.least_cost, delta_cost=tolerance.delta_cost)


def _limit(error: float | None, disagreement: str | None) -> float:
    if (error is None) == (disagreement is None):
        raise typer.BadParameter("give one goal: --error 0.1, or --disagreement 0.5%")
    if error is not None:
        return error
    text = str(disagreement)
    try:
        return float(text.removesuffix("%")) / (100 if text.endswith("%") else 1)
    except ValueError:
        raise typer.BadParameter(f"--disagreement {text} was given; expected a share such as 0.5% or 0.005") from None


def _goal(limit: float, of_task: bool, metric: Any, stream: Any, frames: list[Any]) -> Goal:
    from saccade.agreement import fitting_metric
    from saccade.calibration import Goal

    if of_task and metric is None:
        metric = fitting_metric(stream.dense(frames[0]))
    return Goal(limit, metric if of_task else None)


def _frames(clip: str, preprocessing: Any, limit: int) -> list[Any]:
    from saccade.cli.bench.frames import model_frames
    from saccade.cli.warning import warn
    from saccade.errors import SourceError
    from saccade.video import open_source

    taken: list[Any] = []
    with open_source(clip) as source:
        for frame in model_frames(source, preprocessing, limit):
            if (len(taken) + 1) * frame.tensor.nbytes > MOST_BYTES:
                _tell_of_memory(len(taken), limit, tuple(frame.tensor.shape[2:]))
                break
            taken.append(frame.tensor)
    warn(source.truncated)
    if not taken:
        raise SourceError(f"{source.name} gave no frame; expected a video")
    return taken


def _check_count(frames: int) -> None:
    from saccade.calibration import FEWEST_FRAMES

    if frames < FEWEST_FRAMES:
        raise typer.BadParameter(
            f"--frames {frames} was given; expected at least {FEWEST_FRAMES}, to search on two thirds of them and to "
            "check on the rest"
        )


def _tell_of_memory(fitting: int, limit: int, size: tuple[int, ...]) -> None:
    """Warns that only so many frames are kept, or refuses where they are too few."""
    from saccade.calibration import FEWEST_FRAMES
    from saccade.cli.warning import warn

    cause = f"of {limit} frames of {size[0]}x{size[1]}, {fitting} fit into the {MOST_BYTES >> 20} MiB kept of a clip"
    if fitting < FEWEST_FRAMES:
        raise typer.BadParameter(f"{cause}; expected at least {FEWEST_FRAMES}: give a smaller --size")
    warn(f"{cause}; the others are left out")


@contextmanager
def _status() -> Iterator[Any]:
    """Shows on stderr what is being done; gives the function that says it."""
    from rich.console import Console

    with Console(stderr=True).status("calibrating") as status:
        yield lambda text: status.update(f"calibrating: {text}")


def _print(found: Calibration, output: Path, picture: Path) -> None:
    policy = found.chosen.policy
    typer.echo(f"goal: {found.goal} in the mean")
    if found.gate_alone:
        typer.echo(
            "no layer is wide enough to gain time by thresholds: the gate alone was searched; --policy frugal "
            "calibrates thresholds for the fewest multiply-adds"
        )
    threshold = "" if found.gate_alone else f"threshold {policy.threshold:.4g}, "
    typer.echo(f"{threshold}gate {policy.levels:g} grey levels, {len(found.trials)} trials")
    for name, trial in (("searched", found.chosen), ("kept back", found.held_back)):
        typer.echo(
            f"{name:9}  work {trial.work:6.1%}  mean {trial.miss.mean:.4f}  95th percentile "
            f"{trial.miss.percentile_95:.4f}"
        )
    typer.echo(f"profile: {output}\nplot: {picture}")
