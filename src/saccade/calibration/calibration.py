"""From frames and a goal to a profile: a dense pass, sensitivities, the search and its check."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import torch

from saccade.calibration.check import choose
from saccade.calibration.goal import Goal
from saccade.calibration.search import search_gate, search_thresholds
from saccade.calibration.trial import Part, Trial
from saccade.errors import CalibrationError
from saccade.policy import Calibrated, Held, Profile
from saccade.runtime import Stream
from saccade.runtime.fingerprint import fingerprint

SENSITIVITY_FRAMES = 8
FEWEST_FRAMES = 24
HELD_BACK = 3
"""One frame in so many, at the end of the clip, is kept back from the search."""
GATE_ALONE = "a gate alone: no layer is wide enough for thresholds to gain time"

Say = Callable[[str], None]
Sensitivities = tuple[tuple[str, tuple[float, ...]], ...]


@dataclass(frozen=True)
class Calibration:
    """What was found.

    Attributes:
        goal: that was asked for.
        trials: all that was tried on the searched part, in order.
        chosen: the one that was kept, as it did on the searched part.
        held_back: the same policy on the part that the search had not seen.
        profile: to be written to a file.
        gate_alone: whether no layer is wide enough for a threshold to count, so that the gate alone was searched.
        warnings: what makes the check say little, a sentence each.
    """

    goal: Goal
    trials: tuple[Trial, ...]
    chosen: Trial
    held_back: Trial
    profile: Profile
    gate_alone: bool = False
    warnings: tuple[str, ...] = ()


def calibrate(
    stream: Stream, frames: Sequence[Any], goal: Goal, base: Calibrated, say: Say = lambda _: None
) -> Calibration:
    """Finds the gate and the thresholds that do the least work under a goal.

    Args:
        stream: of the model; its policy does not matter.
        frames: consecutive frames as the stream takes them, at least 24; the last third is kept back for a check.
        goal: that has to be met in the mean.
        base: what is not searched for: least_cost, delta_cost, longest. Where it leaves the network no layer that tells
            less than everything, the gate alone is searched.
        say: is told what is being done, for a progress display.

    Raises:
        CalibrationError: when there are too few frames, nothing is detected in any of them though the goal goes by
            what is detected, or the goal cannot be met; the message names the nearest.
    """
    if len(frames) < FEWEST_FRAMES:
        raise CalibrationError(
            f"a clip of {len(frames)} frames was given; expected at least {FEWEST_FRAMES}, to search on two thirds of "
            "them and to check on the rest"
        )
    say("dense pass")
    cut = len(frames) - len(frames) // HELD_BACK
    dense = stream.with_policy("exact")
    searched, kept_back = Part.of(dense, frames[:cut]), Part.of(dense, frames[cut:])
    warnings = _warnings(goal, searched, kept_back)
    say("sensitivities")
    base = replace(base, sensitivities=_sensitivities(stream, frames[:cut], base))
    attempt, check = partial(searched.attempt, stream, goal), partial(kept_back.attempt, stream, goal)
    gate_alone = not base.sensitivities
    search = search_gate(attempt, goal, base, cut) if gate_alone else search_thresholds(attempt, goal, base)
    trials: list[Trial] = []
    for trial in search:
        trials.append(trial)
        threshold = "" if gate_alone else f"threshold {trial.policy.threshold:.3f}, "
        say(f"{threshold}gate {trial.policy.levels:g}: work {trial.work:.1%}, mean {trial.miss.mean:.4f}")
    chosen, held = choose(attempt, check, goal, trials, say)
    profile = _profile(stream, chosen, held, goal, len(kept_back.frames), GATE_ALONE if gate_alone else "")
    return Calibration(goal, tuple(trials), chosen, held, profile, gate_alone, warnings)


def _warnings(goal: Goal, searched: Part, kept_back: Part) -> tuple[str, ...]:
    """Returns what makes the check say little: a part of the clip in which nothing is detected has nothing to lose.

    Raises:
        CalibrationError: when nothing is detected in either.
    """
    if goal.finds(searched.outputs[0]) is None:
        return ()
    parts = {"the clip's first two thirds": searched, "the frames that are kept back": kept_back}
    empty = [where for where, part in parts.items() if not any(goal.finds(outputs) for outputs in part.outputs)]
    if not empty:
        return ()
    if len(empty) == len(parts):
        raise CalibrationError(
            f"nothing is detected in any of the clip's {len(searched.frames) + len(kept_back.frames)} frames, so that "
            f"any policy would meet the goal, {goal}: calibrate on a clip that shows what is to be found, or give the "
            "goal as an error"
        )
    return (f"nothing is detected in {empty[0]}, where any policy meets the goal: calibrate on a livelier clip",)


def _sensitivities(stream: Stream, frames: Sequence[Any], base: Calibrated) -> Sensitivities:
    """Returns the root mean square over several frames; none where layers tell each other everything."""
    probe = stream.with_policy(replace(base, threshold=0.0, sensitivities=(), fingerprint=""))
    step = max(1, len(frames) // SENSITIVITY_FRAMES)
    squares: dict[str, torch.Tensor] = {}
    chosen = list(itertools.islice(frames, 0, None, step))[:SENSITIVITY_FRAMES]
    for frame in chosen:
        probe.reset()
        probe(frame)
        if probe.program is None or not probe.program.transmissions:
            return ()
        for name, values in probe.sensitivities().items():
            squares[name] = squares.get(name, torch.zeros_like(values)) + values.square() / len(chosen)
    return tuple((name, tuple(square.sqrt().tolist())) for name, square in squares.items())


def _profile(stream: Stream, chosen: Trial, held: Trial, goal: Goal, frames: int, note: str) -> Profile:
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
        note=note,
    )
