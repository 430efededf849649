"""Policies side by side on one clip: their work, their time and their error, frame by frame."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain
from typing import TYPE_CHECKING, Any

from saccade.cli.bench.contest import prepare_contest, rounds_shown
from saccade.cli.bench.frames import ModelFrame, model_frames, too_few
from saccade.cli.bench.recompression import Recompression

if TYPE_CHECKING:
    from rich.console import Console

    from saccade.agreement import Metric
    from saccade.cli.bench.contest import Contest
    from saccade.cli.models import ChosenModel
    from saccade.cli.preprocess import Preprocessing
    from saccade.measure import Timing
    from saccade.policy import Policy

DENSE = "dense"
WARM_UP = 2
EARLY = range(1, 11)
"""Frames, counted from 0, over which the early error is taken: those after the first, which is dense."""
LATE_FROM = 100


@dataclass(frozen=True, eq=False)
class Answer:
    """What a stream said of a frame.

    Attributes:
        outputs: as its caller gets them.
        numbers: tensors that can be subtracted: the same, or, of one of torchvision's detectors, the maps that its
            detections are made from.
    """

    outputs: Any
    numbers: Any

    @classmethod
    def of(cls, stream: Any, outputs: Any) -> Answer:
        """Returns what the stream's last call said."""
        maps = getattr(stream, "maps", None)
        return cls(outputs, outputs if maps is None else maps)


@dataclass
class Score:
    """What one contender did on one clip.

    Attributes:
        name: as the user typed it.
        kind: "policy", "yardstick", "dense" or "peer".
        errors: largest relative L2 error among the outputs against the engine's dense pass, a number a frame.
        disagreements: of the task's outputs, a number a frame.
        identical: frames whose outputs were bit-identical to the dense pass.
        macs_share: multiply-adds over those of as many dense passes; None where they are not counted.
        held, keyframes: as the stream's report counts them.
        timing: None for what is not timed.
        about: what else belongs into its row.
    """

    name: str
    kind: str
    errors: list[float] = field(default_factory=list)
    disagreements: list[float] = field(default_factory=list)
    identical: int = 0
    macs_share: float | None = None
    held: int = 0
    keyframes: int = 0
    timing: Timing | None = None
    about: dict[str, object] = field(default_factory=dict)

    @property
    def family(self) -> str:
        """What stands before the colon of its name."""
        return self.name.partition(":")[0]

    @property
    def milliseconds(self) -> float | None:
        """Mean time a frame; the median of a stream that holds frames would say nothing."""
        return None if self.timing is None else self.timing.mean * 1e3

    def mean_error(self, first: int, end: int | None) -> float | None:
        """Returns the mean of the finite errors from frame ``first`` to before ``end``; None where no frame is."""
        from saccade.agreement import Spread

        errors = self.errors[first:end]
        return Spread.of(errors).mean if errors else None

    @property
    def early_error(self) -> float | None:
        """The mean error of frames 1 to 10."""
        return self.mean_error(EARLY.start, EARLY.stop)

    @property
    def late_error(self) -> float | None:
        """The mean error of the frames from 100 on."""
        return self.mean_error(LATE_FROM, None)

    def judge(self, answer: Answer, dense: Answer, metric: Metric) -> None:
        """Adds a frame's outputs."""
        from saccade.agreement import identical, relative_errors
        from saccade.peers.peer import flat

        self.errors.append(max(relative_errors(answer.numbers, dense.numbers).values(), default=0.0))
        self.disagreements.append(metric(dense.outputs, answer.outputs))
        self.identical += identical(flat(answer.numbers), flat(dense.numbers))

    def to_dict(self) -> dict[str, object]:
        """Returns what its row says besides its times, as JSON can hold it."""
        from saccade.agreement import Spread, json_fields

        row: dict[str, object] = {"contender": self.name, "kind": self.kind, **self.about}
        if self.macs_share is not None:
            row["macs_share"] = self.macs_share
        if self.errors:
            error, disagreement = Spread.of(self.errors), Spread.of(self.disagreements)
            row |= {
                "error_mean": error.mean,
                "error_percentile_95": error.percentile_95,
                "error_largest": error.largest,
                "errors_infinite": error.infinite,
                "error_frames_1_to_10": self.early_error,
                "error_from_frame_100": self.late_error,
                "disagreement_mean": disagreement.mean,
                "disagreement_percentile_95": disagreement.percentile_95,
                "frames_identical_to_dense": self.identical,
            }
        if self.kind == "policy":
            row |= {"family": self.family, "held": self.held, "keyframes": self.keyframes}
        return json_fields(row.items())


@dataclass(frozen=True, eq=False)
class ClipResult:
    """All scores on one clip.

    Attributes:
        clip: its name.
        frames: how many there were.
        metric: name of the metric of the task's outputs.
        scores: the dense pass first, then policies and yardsticks as they were asked for, then the peers.
        contest: the peers and where all this was measured.
        truncated: why the clip ended early; None where it did not.
    """

    clip: str
    frames: int
    metric: str
    scores: tuple[Score, ...]
    contest: Contest
    truncated: str | None

    def score(self, name: str) -> Score:
        """Returns a contender's score."""
        return next(score for score in self.scores if score.name == name)

    @property
    def strongest_peer(self) -> str | None:
        """The quickest peer whose outputs are right; None when there is none."""
        peers = {
            score.name: score.milliseconds or 0.0 for score in self.scores if score.kind == "peer" and score.timing
        }
        return self.contest.strongest(peers)


@dataclass(frozen=True)
class PolicyContest:
    """What is compared, on whatever clip.

    Attributes:
        chosen: the model.
        preprocessing: from pictures to its frames.
        policies: by the name that the user typed.
        yardsticks: frames re-encoded.
        peers: names of dense runtimes.
        threads: of each contender.
        metric: of the task's outputs; None for the one that suits them.
        limit: frames of a clip at most; None for all.
    """

    chosen: ChosenModel
    preprocessing: Preprocessing
    policies: Mapping[str, Policy]
    yardsticks: tuple[Recompression, ...]
    peers: list[str]
    threads: int
    metric: Metric | None
    limit: int | None

    def run(self, clip: str, console: Console) -> ClipResult:
        """Returns the scores on a clip; every contender gets each frame once, in an order that changes.

        Raises:
            SourceError: when the clip cannot be read or is too short.
            MetricError: when the metric fails.
        """
        from saccade.errors import SourceError
        from saccade.measure import alternate
        from saccade.video import open_source

        with open_source(clip) as source:
            frames = model_frames(source, self.preprocessing, self.limit)
            first = next(frames, None)
            if first is None:
                raise SourceError(f"{source.name} gave no frame; expected a video")
            contest = prepare_contest(self.chosen, first.tensor, self.peers, self.threads, console)
            judge = _Judge(self, contest, first)
            expected = source.frames_expected
            total = min(self.limit, expected) if self.limit and expected else expected or self.limit
            with rounds_shown(console, source.name, total) as advance:

                def after_round(number: int, frame: ModelFrame, results: Mapping[str, object]) -> None:
                    judge.after_round(frame, results)
                    advance()

                try:
                    timings = alternate(
                        judge.contenders(), chain([first], frames), warm_up=WARM_UP, after_round=after_round
                    )
                except ValueError as error:
                    raise too_few(source, WARM_UP) from error
            return judge.result(source.name, timings, source.truncated)


class _Judge:
    """The streams of one clip, and what is known of them so far."""

    def __init__(self, rules: PolicyContest, contest: Contest, first: ModelFrame) -> None:
        import saccade

        self.rules = rules
        self.contest = contest
        self.metric = rules.metric
        self.frames = 0
        self.dense = saccade.incremental(rules.chosen.model, threads=rules.threads)
        self.dense(first.tensor)  # plans, so that dense() keeps its memory from call to call
        self.streams = {
            name: saccade.incremental(rules.chosen.model, policy=policy, threads=rules.threads)
            for name, policy in rules.policies.items()
        }
        self.scores = {score.name: score for score in self._fresh_scores()}

    def _fresh_scores(self) -> Iterator[Score]:
        yield Score(DENSE, "dense", macs_share=1.0)
        yield from (Score(name, "policy") for name in self.streams)
        yield from (Score(yardstick.name, "yardstick", macs_share=1.0) for yardstick in self.rules.yardsticks)
        yield from (Score(entry.name, "peer", about=entry.to_dict()) for entry in self.contest.contestants)

    def contenders(self) -> dict[str, Callable[[ModelFrame], object]]:
        """Returns what is timed, by name."""
        runs: dict[str, Callable[[Any], object]] = {DENSE: self.dense.dense, **self.streams, **self.contest.runnable}
        return {name: _on_tensor(run) for name, run in runs.items()}

    def after_round(self, frame: ModelFrame, results: Mapping[str, object]) -> None:
        """Judges what every contender of the engine said of a frame, and the yardsticks."""
        from saccade.agreement import fitting_metric

        dense = Answer.of(self.dense, results[DENSE])
        self.frames += 1
        if self.metric is None:
            self.metric = fitting_metric(dense.outputs)
        for name, stream in self.streams.items():
            self.scores[name].judge(Answer.of(stream, results[name]), dense, self.metric)
        for yardstick in self.rules.yardsticks:
            again = self.dense.dense(yardstick(frame))
            self.scores[yardstick.name].judge(Answer.of(self.dense, again), dense, self.metric)

    def result(self, clip: str, timings: Mapping[str, Timing], truncated: str | None) -> ClipResult:
        """Returns all scores, with their work and their times."""
        dense_macs = self.dense.last_frame.macs_dense * self.frames
        for name, stream in self.streams.items():
            report, score = stream.report(), self.scores[name]
            score.macs_share = report.macs_done / dense_macs if dense_macs else None
            score.held, score.keyframes = report.held, report.keyframes
        for name, timing in timings.items():
            self.scores[name].timing = timing
        metric = "" if self.metric is None else self.metric.name
        return ClipResult(clip, self.frames, metric, tuple(self.scores.values()), self.contest, truncated)


def _on_tensor(run: Callable[[Any], object]) -> Callable[[ModelFrame], object]:
    return lambda frame: run(frame.tensor)
