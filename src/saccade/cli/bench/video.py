"""saccade bench video: real frames, the engine beside dense runtimes, and how right each of them is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import chain
from typing import TYPE_CHECKING, Annotated, Any

import typer

from saccade.cli.bench.contest import ENGINE, Contest
from saccade.cli.bench.options import (
    PEERS,
    JsonOption,
    ModelOption,
    PeersOption,
    ThreadsOption,
    WeightsOption,
    parse_peers,
)
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
    from torch import Tensor

    from saccade.measure import Record, Timing

WARM_UP = 2


def video(
    source: Annotated[str, typer.Argument(help="A video file, a folder of images, a webcam index, or an address.")],
    model: ModelOption,
    weights: WeightsOption = None,
    policy: Annotated[str, typer.Option(help="What counts as a change.")] = "exact",
    size: SizeOption = None,
    frames: Annotated[int, typer.Option(min=WARM_UP + 1, help="Frames to use, at most.")] = 100,
    check: Annotated[int, typer.Option(min=1, help="Compare outputs on every n-th frame.")] = 10,
    threads: ThreadsOption = 1,
    peers: PeersOption = PEERS,
    json_file: JsonOption = None,
    scale: ScaleOption = None,
    mean: MeanOption = None,
    std: StdOption = None,
    channels: ChannelsOption = None,
    letterbox: LetterboxOption = False,
) -> None:
    """Time the engine and dense runtimes on the frames of a video.

    Every frame goes to each contender once, in an order that changes from frame to frame; the first two frames warm
    up and are not counted. Outputs are compared, untimed, with eager torch's and with the engine's own dense pass.
    """
    import torch
    from rich.console import Console

    import saccade
    from saccade.cli.bench.contest import prepare_contest, rounds_shown
    from saccade.cli.bench.frames import model_frames, too_few
    from saccade.cli.models import choose_model
    from saccade.cli.outputs import check_outputs
    from saccade.cli.warning import warn
    from saccade.errors import SourceError
    from saccade.measure import Record, alternate
    from saccade.video import open_source

    check_outputs(
        {"--json": json_file},
        [("SOURCE", source), ("--model", model), ("--weights", weights), ("--policy", policy)],
    )
    names, changes = parse_peers(peers), preprocessing_changes(size, scale, mean, std, channels, letterbox)
    console = Console(stderr=True)
    with Record(json_file, "video") as record, open_source(source) as opened:
        torch.manual_seed(0)
        chosen = choose_model(model, weights)
        warn(chosen.warning)
        tensors = (frame.tensor for frame in model_frames(opened, changed(chosen.preprocessing, changes), frames))
        first = next(tensors, None)
        if first is None:
            raise SourceError(f"{opened.name} gave no frame; expected a video")
        contest = prepare_contest(chosen, first, names, threads, console)
        stream = saccade.incremental(chosen.model, policy=policy, threads=threads)
        referee = Referee(contest, stream, check)
        total = min(frames, opened.frames_expected or frames)
        with rounds_shown(console, "frames", total) as advance:

            def after_round(number: int, frame: Tensor, results: Mapping[str, object]) -> None:
                referee.judge(number, frame, results)
                advance()

            contenders: dict[str, Callable[[Tensor], object]] = {ENGINE: stream, **contest.runnable}
            try:
                timings = alternate(contenders, chain([first], tensors), warm_up=WARM_UP, after_round=after_round)
            except ValueError as error:
                raise too_few(opened, WARM_UP) from error
        warn(opened.truncated)
        _report(record, referee, timings, {"source": opened.name, "policy": policy, "macs_share": _share(stream)})


@dataclass
class Referee:
    """Compares outputs on some of the frames.

    Attributes:
        contest: who takes part.
        stream: the engine's stream.
        every: judge every n-th frame.
        errors: relative L2 error against eager torch on each judged frame, by contender.
        judged: how many frames were judged.
        same: on how many of them the engine's outputs were bit-identical to its own dense pass.
    """

    contest: Contest
    stream: Any
    every: int
    errors: dict[str, list[float]] = field(default_factory=dict)
    judged: int = 0
    same: int = 0

    def judge(self, number: int, frame: Tensor, results: Mapping[str, object]) -> None:
        """Compares what every contender said of a frame, unless it is one of those between."""
        from saccade.measure import identical, relative_error
        from saccade.peers.peer import flat

        if number % self.every:
            return
        # Outputs are valid until the next call, and both the reference and the dense pass are calls.
        outputs = {name: [output.clone() for output in flat(result)] for name, result in results.items()}
        reference = self.contest.reference(frame)
        self.judged += 1
        self.same += identical(outputs[ENGINE], flat(self.stream.dense(frame)))
        for name, tensors in outputs.items():
            if reference is not None:
                self.errors.setdefault(name, []).append(relative_error(tensors, reference))

    def worst(self, name: str) -> float | None:
        """Returns a contender's largest error over the judged frames, or None where there was no reference."""
        return max(self.errors.get(name, []), default=None)


def _share(stream: Any) -> float | None:
    """Returns the share of the dense multiply-accumulates that the stream has done so far."""
    report = stream.report()
    return report.macs_done / report.macs_dense if report.macs_dense else None


def _report(record: Record, referee: Referee, timings: dict[str, Timing], about: dict[str, Any]) -> None:
    """Prints the table and adds a row a contender."""
    from saccade.cli.bench.contest import milliseconds, print_results, results_table

    contest = referee.contest
    strongest = contest.strongest({name: timings[name].mean for name in contest.runnable})
    height, width = contest.frame.shape[-2:]
    title = f"{contest.chosen.name} on {about['source']}, {height}x{width}, float32, policy {about['policy']}"
    columns = ("contender", "mean ms", "median ms", "quartiles ms", "speed-up", "error")
    table = results_table(title, columns, strongest, contest.environment)
    for contender in [{"contender": ENGINE, **about}, *(entry.to_dict() for entry in contest.contestants)]:
        name = str(contender["contender"])
        timing = timings.get(name)
        if timing is None:
            table.add_row(name, "missing")
            record.add(contest.row(contender, None))
            continue
        error = referee.worst(name)
        speedup = timings[strongest].mean / timing.mean if strongest else None
        shown = f"{speedup:.2f}" if speedup else "-"
        table.add_row(
            name, f"{timing.mean * 1e3:.2f}", *milliseconds(timing), shown, f"{error:.1e}" if error is not None else "-"
        )
        judged = {"worst_relative_error": error, "frames_judged": referee.judged, "speedup": speedup}
        if name == ENGINE:
            judged["frames_identical_to_dense"] = referee.same
        record.add(contest.row({**contender, **judged, "strongest_peer": strongest}, timing))
    print_results(table, contest)
    share = about["macs_share"]
    work = f"; {share:.1%} of the dense multiply-accumulates done" if share is not None else ""
    print(f"bit-identical to the engine's dense pass on {referee.same} of {referee.judged} frames{work}")
