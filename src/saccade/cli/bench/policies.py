"""saccade bench policies: what each policy costs on whole clips, and what it gets wrong."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from saccade.cli.bench.options import (
    JsonOption,
    ModelOption,
    PeersOption,
    ThreadsOption,
    WeightsOption,
    parse_peers,
)
from saccade.cli.bench.policy_cost import Cost
from saccade.cli.bench.recompression import Recompression
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
    from saccade.cli.bench.policy_contest import ClipResult
    from saccade.measure import Record
    from saccade.policy import Policy

POLICIES = "exact,hold:2,hold:3,hold:4,gate:1,gate:1.5,gate:2,gate:3,jpeg:90"


def policies(
    clips: Annotated[list[str], typer.Argument(help="Video files or folders of images; each is used from end to end.")],
    model: ModelOption,
    weights: WeightsOption = None,
    policies: Annotated[
        str,
        typer.Option(
            help="Policies with commas, such as hold:2,gate:1.5; jpeg:90 and jpeg-source:90 are yardsticks: the dense "
            "outputs of the frame, or of the source's picture, re-encoded."
        ),
    ] = POLICIES,
    size: SizeOption = None,
    metric: Annotated[
        str | None,
        typer.Option(help="Disagreement: detections, top1, masks, raw or module:function; by the outputs by default."),
    ] = None,
    frames: Annotated[int | None, typer.Option(min=1, help="Frames of each clip, at most.")] = None,
    threads: ThreadsOption = 1,
    peers: PeersOption = "onnxruntime,openvino,ncnn",
    json_file: JsonOption = None,
    plot: Annotated[Path | None, typer.Option(help="Write cost against error to this PNG.")] = None,
    plot_cost: Annotated[Cost, typer.Option(help="The plot's horizontal axis.")] = Cost.macs,
    scale: ScaleOption = None,
    mean: MeanOption = None,
    std: StdOption = None,
    channels: ChannelsOption = None,
    letterbox: LetterboxOption = False,
) -> None:
    """Compare policies on whole clips: work, time and error against the engine's own dense pass.

    Every frame goes to each policy, to the dense pass and to each peer once, in an order that changes from frame to
    frame; the first two frames warm up and are not timed, but count for the work and the error like all others.
    """
    import torch
    from rich.console import Console

    from saccade.agreement import resolve_metric
    from saccade.cli.bench.policy_contest import PolicyContest
    from saccade.cli.bench.policy_plot import write_plot
    from saccade.cli.models import choose_model
    from saccade.cli.outputs import check_outputs
    from saccade.cli.plot_file import check_plot
    from saccade.cli.warning import warn
    from saccade.measure import Record

    check_outputs(
        {"--json": json_file, "--plot": plot},
        [*(("CLIPS", clip) for clip in clips), ("--model", model), ("--weights", weights),
         *(("--policies", name.strip()) for name in policies.split(","))],
    )  # fmt: skip
    names, (chosen_policies, yardsticks) = parse_peers(peers), parse_policies(policies)
    chosen_metric = None if metric is None else resolve_metric(metric)
    changes = preprocessing_changes(size, scale, mean, std, channels, letterbox)
    if plot is not None:
        check_plot(plot)
    _check_clips(clips, frames)
    console = Console(stderr=True)
    with Record(json_file, "policies") as record:
        torch.manual_seed(0)
        chosen = choose_model(model, weights)
        warn(chosen.warning)
        preprocessing = changed(chosen.preprocessing, changes)
        contest = PolicyContest(
            chosen, preprocessing, chosen_policies, yardsticks, names, threads, chosen_metric, frames
        )
        results = []
        for clip in clips:
            results.append(contest.run(clip, console))
            warn(results[-1].truncated)
        _add_rows(record, results)
        if plot is not None:
            write_plot(results, plot, plot_cost)
    _print(results)


def _check_clips(clips: list[str], frames: int | None) -> None:
    """Makes sure that every clip can be opened, and that enough of its frames are asked for, before any is run."""
    from saccade.cli.bench.policy_contest import WARM_UP
    from saccade.video import open_source

    if frames is not None and frames <= WARM_UP:
        raise typer.BadParameter(
            f"--frames {frames} was given; expected at least {WARM_UP + 1}: the first {WARM_UP} of a clip warm up"
        )
    for clip in clips:
        with open_source(clip):
            pass


def parse_policies(text: str) -> tuple[dict[str, Policy], tuple[Recompression, ...]]:
    """Returns the policies and the yardsticks of a list such as "exact,hold:2,jpeg:90", each once.

    Raises:
        PolicyError: a policy is not known, or its number does not suit it.
        typer.BadParameter: the list is empty, or a JPEG's quality is out of range.
    """
    from saccade.policy import resolve_policy

    chosen: dict[str, Policy] = {}
    yardsticks: dict[str, Recompression] = {}
    for name in (part.strip() for part in text.split(",")):
        recompression = Recompression.parse(name)
        if recompression is not None:
            yardsticks[name] = recompression
        elif name:
            chosen[name] = resolve_policy(name)
    if not chosen:
        raise typer.BadParameter(f"{text!r} names no policy; expected some with commas, such as {POLICIES}")
    return chosen, tuple(yardsticks.values())


def _add_rows(record: Record, results: list[ClipResult]) -> None:
    """Adds a row a clip and contender."""
    from saccade.cli.bench.policy_contest import DENSE

    for result in results:
        strongest = result.strongest_peer
        for score in result.scores:
            row: dict[str, Any] = {"clip": result.clip, "frames": result.frames, **score.to_dict()}
            row["metric"] = result.metric
            if score.timing is not None:
                row["speedup_over_dense"] = _ratio(result.score(DENSE).milliseconds, score.milliseconds)
                row["strongest_peer"] = strongest
                row["speedup_over_peer"] = _ratio(
                    result.score(strongest).milliseconds if strongest else None, score.milliseconds
                )
            record.add(result.contest.row(row, score.timing))


def _ratio(above: float | None, below: float | None) -> float | None:
    return above / below if above is not None and below else None


def _print(results: list[ClipResult]) -> None:
    from rich.console import Console

    from saccade.cli.bench.policy_table import policy_table

    terminal = Console()
    console = terminal if terminal.is_terminal else Console(width=140)
    console.print(policy_table(results))
    for entry in results[0].contest.contestants:
        if entry.missing is not None:
            console.print(f"missing: {entry.name}, {entry.missing}", markup=False, highlight=False)
