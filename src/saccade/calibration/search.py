"""The search: sensitivities from several frames, then thresholds and a frame gate by their work and their error."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch

from saccade.agreement import Spread
from saccade.calibration.goal import Goal
from saccade.errors import CalibrationError
from saccade.policy import Calibrated, Held, Profile
from saccade.runtime import Stream
from saccade.runtime.fingerprint import fingerprint

LEVELS = (0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0)
"""Gates that are tried, in grey levels."""
LEAST_THRESHOLD, LARGEST_THRESHOLD = 0.02, 8.0
BISECTIONS = 5
SENSITIVITY_FRAMES = 8
FEWEST_FRAMES = 24
HELD_BACK = 3
"""One frame in so many, at the end of the clip, is kept back from the search."""
RETREATS = 4
RETREAT = 0.75

Say = Callable[[str], None]


@dataclass(frozen=True)
class Trial:
    """One policy on one part of the clip.

    Attributes:
        policy: that was tried.
        work: share of the dense pass's multiply-adds after the first frame.
        miss: error or disagreement over the frames after the first.
    """

    policy: Calibrated
    work: float
    miss: Spread


@dataclass(frozen=True)
class Calibration:
    """What was found.

    Attributes:
        goal: that was asked for.
        trials: all that was tried on the searched part, in order.
        chosen: the one that was kept, as it did on the searched part.
        held_back: the same policy on the part that the search had not seen.
        profile: to be written to a file.
    """

    goal: Goal
    trials: tuple[Trial, ...]
    chosen: Trial
    held_back: Trial
    profile: Profile


@dataclass(frozen=True, eq=False)
class _Part:
    """Frames of the clip with what a dense pass says of them."""

    frames: Sequence[Any]
    outputs: list[Any]
    numbers: list[Any]


def calibrate(
    stream: Stream, frames: Sequence[Any], goal: Goal, base: Calibrated, say: Say = lambda _: None
) -> Calibration:
    """Finds the thresholds that do the least work under a goal.

    Args:
        stream: of the model; its policy does not matter.
        frames: consecutive frames as the stream takes them, at least 24; the last third is kept back for a check.
        goal: that has to be met in the mean.
        base: what is not searched for: least_cost, delta_cost, longest.
        say: is told what is being done, for a progress display.

    Raises:
        CalibrationError: when there are too few frames, or the goal cannot be met; the message names the nearest.
    """
    if len(frames) < FEWEST_FRAMES:
        raise CalibrationError(
            f"a clip of {len(frames)} frames was given; expected at least {FEWEST_FRAMES}, to search on two thirds of "
            "them and to check on the rest"
        )
    say("dense pass")
    cut = len(frames) - len(frames) // HELD_BACK
    dense = stream.with_policy("exact")
    searched, kept_back = _dense(dense, frames[:cut]), _dense(dense, frames[cut:])
    say("sensitivities")
    base = replace(base, sensitivities=_sensitivities(stream, frames[:cut], base))
    trials: list[Trial] = []
    for trial in _search(stream, searched, goal, base):
        trials.append(trial)
        say(f"threshold {trial.policy.threshold:.3f}, gate {trial.policy.levels:g}: work {trial.work:.1%}, "
            f"mean {trial.miss.mean:.4f}")  # fmt: skip
    chosen, held = _checked(stream, searched, kept_back, goal, trials, say)
    return Calibration(goal, tuple(trials), chosen, held, _profile(stream, chosen, held, goal, len(kept_back.frames)))


def _dense(stream: Stream, frames: Sequence[Any]) -> _Part:
    outputs, numbers = [], []
    for frame in frames:
        answer = stream(frame)
        maps = getattr(stream, "maps", None)
        outputs.append(answer)
        numbers.append(answer if maps is None else maps)
    return _Part(frames, outputs, numbers)


def _sensitivities(
    stream: Stream, frames: Sequence[Any], base: Calibrated
) -> tuple[tuple[str, tuple[float, ...]], ...]:
    """Returns the root mean square over several frames."""
    probe = stream.with_policy(replace(base, threshold=0.0, sensitivities=(), fingerprint=""))
    step = max(1, len(frames) // SENSITIVITY_FRAMES)
    squares: dict[str, torch.Tensor] = {}
    chosen = list(itertools.islice(frames, 0, None, step))[:SENSITIVITY_FRAMES]
    for frame in chosen:
        probe.reset()
        probe(frame)
        for name, values in probe.sensitivities().items():
            squares[name] = squares.get(name, torch.zeros_like(values)) + values.square() / len(chosen)
    return tuple((name, tuple(square.sqrt().tolist())) for name, square in squares.items())


def _search(stream: Stream, part: _Part, goal: Goal, base: Calibrated) -> Iterator[Trial]:
    """Yields trials: for each gate, thresholds by bisection; gates that miss the goal by themselves end it."""
    for levels in LEVELS:
        low, high = LEAST_THRESHOLD, LARGEST_THRESHOLD
        least = _try(stream, part, goal, replace(base, threshold=low, levels=levels))
        yield least
        if least.miss.mean > goal.limit:
            return
        for _ in range(BISECTIONS):
            middle = (low * high) ** 0.5
            trial = _try(stream, part, goal, replace(base, threshold=middle, levels=levels))
            yield trial
            low, high = (middle, high) if trial.miss.mean <= goal.limit else (low, middle)


def _try(stream: Stream, part: _Part, goal: Goal, policy: Calibrated) -> Trial:
    twin = stream.with_policy(policy)
    misses = []
    for frame, outputs, numbers in zip(part.frames, part.outputs, part.numbers, strict=True):
        answer = twin(frame)
        maps = getattr(twin, "maps", None)
        misses.append(goal.miss(answer, answer if maps is None else maps, outputs, numbers))
    report = twin.report()
    dense = report.macs_dense / report.frames
    work = (report.macs_done - dense) / (dense * (report.frames - 1)) if dense else 0.0
    return Trial(policy, work, Spread.of(misses[1:]))


def _checked(
    stream: Stream, searched: _Part, kept_back: _Part, goal: Goal, trials: list[Trial], say: Say
) -> tuple[Trial, Trial]:
    """Returns the cheapest trial that meets the goal on both parts; retreats where only the kept back one is missed.

    Raises:
        CalibrationError: when none does.
    """
    meeting = [trial for trial in trials if trial.miss.mean <= goal.limit]
    if not meeting:
        nearest = min(trials, key=lambda trial: trial.miss.mean)
        raise CalibrationError(_unmet(goal, nearest, "of the clip's first two thirds"))
    chosen = min(meeting, key=lambda trial: trial.work)
    missed: list[Trial] = []
    for _ in range(RETREATS):
        held = _try(stream, kept_back, goal, chosen.policy)
        say(f"held back: work {held.work:.1%}, mean {held.miss.mean:.4f}")
        if held.miss.mean <= goal.limit:
            return chosen, held
        missed.append(held)
        milder = replace(
            chosen.policy, threshold=chosen.policy.threshold * RETREAT, levels=chosen.policy.levels * RETREAT
        )
        chosen = _try(stream, searched, goal, milder)
        trials.append(chosen)
    nearest = min(missed, key=lambda trial: trial.miss.mean)
    raise CalibrationError(_unmet(goal, nearest, "of the frames that were kept back"))


def _unmet(goal: Goal, nearest: Trial, where: str) -> str:
    return (
        f"the goal, {goal} in the mean, cannot be met: the nearest {where} is {nearest.miss.mean:.4g} at "
        f"{nearest.work:.1%} of the work (threshold {nearest.policy.threshold:.3g}, gate {nearest.policy.levels:g} "
        "grey levels): allow more, or use the policy near or exact"
    )


def _profile(stream: Stream, chosen: Trial, held: Trial, goal: Goal, frames: int) -> Profile:
    program = next(iter(stream.with_policy("exact")._graphs.values()))
    policy = chosen.policy
    return Profile(
        fingerprint=fingerprint(program),
        frame=program.tensors[program.inputs[0]].shape,
        threshold=policy.threshold,
        levels=policy.levels,
        longest=policy.longest,
        least_cost=policy.least_cost,
        delta_cost=policy.delta_cost,
        sensitivities=dict(policy.sensitivities),
        goal=str(goal),
        held_back=Held(
            frames=frames, error=held.miss.mean, percentile_95=held.miss.percentile_95, work=max(held.work, 0.0)
        ),
    )
