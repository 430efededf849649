"""Calibration on made-up frames: what is found keeps to the goal, also where the search had not looked."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable

import pytest
import torch

import saccade
from saccade.agreement import Spread, resolve_metric
from saccade.calibration import Goal, calibrate
from saccade.calibration.search import LEVELS
from saccade.errors import CalibrationError, PolicyError
from saccade.policy import Calibrated, Profile, read_profile, resolve_policy

EVERYTHING = Calibrated(least_cost=0.0, delta_cost=1.0)


def network(seed: int = 0) -> torch.nn.Module:
    torch.manual_seed(seed)
    return torch.nn.Sequential(
        torch.nn.Conv2d(3, 12, 3, padding=1, stride=2),
        torch.nn.ReLU(),
        torch.nn.Conv2d(12, 16, 3, padding=1),
        torch.nn.ReLU(),
        torch.nn.Conv2d(16, 4, 1),
    ).eval()


def noisy_walk(frames: int, size: int = 24) -> list[torch.Tensor]:
    """Returns a bright square that walks over a still picture, with noise on everything."""
    generator = torch.Generator().manual_seed(1)
    still = torch.rand((1, 3, size, size), generator=generator)
    walk = []
    for step in range(frames):
        frame = still.clone()
        x = step % (size - 6)
        frame[..., 8:14, x : x + 6] = 1.0
        walk.append(frame + 0.01 * torch.randn(frame.shape, generator=generator))
    return walk


def found(limit: float = 0.1):
    return calibrate(saccade.incremental(network(), threads=1), noisy_walk(30), Goal(limit), EVERYTHING)


def test_the_chosen_policy_keeps_to_the_goal_on_both_parts_with_less_work_than_others_that_do() -> None:
    calibration = found()
    assert calibration.chosen.miss.mean <= 0.1
    assert calibration.held_back.miss.mean <= 0.1
    assert calibration.chosen.work < 0.9
    meeting = [trial.work for trial in calibration.trials[:-4] if trial.miss.mean <= 0.1]
    assert calibration.chosen.work <= min(meeting) or calibration.chosen not in calibration.trials[:-4]
    assert calibration.profile.held_back.frames == 10
    assert calibration.profile.held_back.error == calibration.held_back.miss.mean


def test_a_profile_goes_to_a_file_and_back_and_runs_as_it_was_calibrated(tmp_path) -> None:
    calibration = found()
    path = tmp_path / "profile.json"
    path.write_text(calibration.profile.model_dump_json())
    assert read_profile(path) == calibration.profile
    policy = resolve_policy(str(path))
    stream = saccade.incremental(network(), policy=policy, threads=1)
    walk = noisy_walk(30)
    dense = saccade.incremental(network(), threads=1)
    errors = []
    for frame in walk[20:]:
        expected = dense.dense(frame)
        errors.append(float((stream(frame) - expected).norm() / expected.norm()))
    assert sum(errors[1:]) / 9 == pytest.approx(calibration.held_back.miss.mean, rel=1e-3)


def test_a_profile_of_another_model_or_another_frame_size_raises_an_error() -> None:
    policy = found().profile.policy()
    for model, frame in ((network(1), noisy_walk(1)[0]), (network(), noisy_walk(1, 32)[0])):
        with pytest.raises(PolicyError, match="calibrated for another model, other weights or another frame size"):
            saccade.incremental(model, policy=policy)(frame)
    few = dataclasses.replace(policy, sensitivities=policy.sensitivities[:1])
    with pytest.raises(PolicyError, match="not those of this model's layers"):
        saccade.incremental(network(), policy=few)(noisy_walk(1)[0])


def narrow() -> torch.nn.Module:
    """Returns a network without a layer that is wide enough for thresholds to gain time."""
    torch.manual_seed(1)
    layers = torch.nn.Conv2d(3, 32, 3, padding=1, bias=False), torch.nn.ReLU(), torch.nn.Conv2d(32, 10, 1, bias=False)
    return torch.nn.Sequential(*layers).eval()


def noisy(count: int, level: float | Callable[[int], float], still: torch.Tensor | None = None) -> list[torch.Tensor]:
    """Returns a still picture with noise of so many grey levels, or of those that its number says."""
    generator = torch.Generator().manual_seed(0)
    picture = torch.rand((1, 3, 64, 96), generator=generator) if still is None else still
    levels = [level(number) if callable(level) else level for number in range(count)]
    return [picture + grey / 255 * torch.randn(picture.shape, generator=generator) for grey in levels]


def test_where_no_threshold_counts_the_gate_alone_is_searched_until_the_goal_is_met_tightly() -> None:
    frames = noisy(60, lambda number: 0.3 + 2.7 * (number * 37 % 60) / 60)
    base = Calibrated(longest=16, least_cost=512.0)
    calibration = calibrate(saccade.incremental(narrow(), threads=1), frames, Goal(0.008), base)
    assert calibration.gate_alone
    assert 0.95 * 0.008 <= calibration.chosen.miss.mean <= 0.008
    assert calibration.chosen.policy.levels not in LEVELS
    assert {trial.policy.threshold for trial in calibration.trials} == {0.0}
    assert len({trial.policy for trial in calibration.trials}) == len(calibration.trials) < 12
    assert calibration.profile.threshold == 0.0
    assert calibration.profile.note == "a gate alone: no layer is wide enough for thresholds to gain time"
    assert calibration.profile.policy().levels == calibration.chosen.policy.levels


def test_gates_end_where_no_wider_one_holds_more() -> None:
    base = Calibrated(longest=4, least_cost=512.0)
    calibration = calibrate(saccade.incremental(narrow(), threads=1), noisy(30, 0.5), Goal(0.5), base)
    assert [trial.policy.levels for trial in calibration.trials] == [0, 0.5, 1, 1.5, 2, 3, 4, 6]
    assert calibration.chosen.work == pytest.approx(1 / 5, abs=0.06)


@pytest.mark.parametrize(
    "base", [Calibrated(longest=16, least_cost=512.0), dataclasses.replace(EVERYTHING, longest=16)]
)
def test_where_all_retreats_miss_a_milder_trial_that_keeps_to_the_goal_is_found(base) -> None:
    # What is kept back is a dim scene, in which the noise of a held frame is much of the picture.
    dim = torch.full((1, 3, 64, 96), 0.03)
    dim[..., :8, :8] = torch.tensor([0.0, 1.0]).repeat(4)
    frames = noisy(40, lambda number: 1.0 if number % 2 else 2.6) + noisy(20, 0.8, dim)
    said: list[str] = []
    calibration = calibrate(saccade.incremental(narrow(), threads=1), frames, Goal(0.02), base, said.append)
    assert calibration.held_back.miss.mean <= 0.02
    checks = [line for line in said if line.startswith("held back")]
    assert len(checks) > 5  # the cheapest, four retreats, and others that had been tried
    retreats = [trial.policy.levels for trial in calibration.trials[-4:]]
    cheapest = min(
        (trial for trial in calibration.trials[:-4] if trial.miss.mean <= 0.02), key=lambda trial: trial.work
    )
    assert retreats == pytest.approx([cheapest.policy.levels * 0.75**step for step in range(1, 5)])
    assert calibration.chosen in calibration.trials[:-4]


def test_a_frame_with_an_infinite_error_misses_every_goal() -> None:
    assert Goal(0.1).is_met(Spread(0.1, 0.1, 0.1))
    assert not Goal(0.1).is_met(Spread(0.1, 0.1, 0.1, infinite=1))
    assert not Goal(0.1).is_met(Spread.of([math.inf]))


class Finds(torch.nn.Module):
    """Finds one box of the first of two classes wherever the picture is bright, as FastestDet's map says it."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = torch.nn.Conv2d(3, 1, 8, 8, bias=False)
        torch.nn.init.constant_(self.stem.weight, 1 / 192)

    def forward(self, frame: torch.Tensor) -> torch.Tensor:
        brightness = self.stem(frame).clamp(0, 1)
        zero = 0 * brightness
        return torch.cat([brightness, zero, zero, zero, zero, zero + 1, zero], 1)


def lit(*parts: tuple[int, float]) -> list[torch.Tensor]:
    """Returns so many frames of each brightness, with a little noise."""
    generator = torch.Generator().manual_seed(2)
    values = [value for count, value in parts for _ in range(count)]
    return [value + 0.01 * torch.rand((1, 3, 32, 32), generator=generator) for value in values]


@pytest.mark.parametrize("metric", ["detections", "detections:fastestdet"])
def test_a_clip_in_which_nothing_is_detected_is_refused_where_the_goal_goes_by_finds(metric) -> None:
    stream = saccade.incremental(Finds().eval(), threads=1)
    goal = Goal(0.01, resolve_metric(metric))
    with pytest.raises(CalibrationError, match=r"nothing is detected in any of the clip's 30 frames"):
        calibrate(stream, lit((30, 0.0)), goal, EVERYTHING)
    assert calibrate(stream, lit((30, 0.0)), Goal(0.5), EVERYTHING).warnings == ()


@pytest.mark.parametrize(
    ("parts", "told"),
    [
        (((20, 0.9), (10, 0.0)), "nothing is detected in the frames that are kept back"),
        (((20, 0.0), (10, 0.9)), "nothing is detected in the clip's first two thirds"),
        (((30, 0.9),), None),
    ],
)
def test_a_part_of_the_clip_in_which_nothing_is_detected_is_warned_of(parts, told) -> None:
    stream = saccade.incremental(Finds().eval(), threads=1)
    found = calibrate(stream, lit(*parts), Goal(0.01, resolve_metric("detections")), EVERYTHING)
    assert [warning.partition(",")[0] for warning in found.warnings] == ([told] if told else [])


def test_a_goal_that_cannot_be_met_names_the_nearest() -> None:
    with pytest.raises(CalibrationError, match=r"cannot be met: the nearest .* is .* at .*% of the work"):
        calibrate(saccade.incremental(network(), threads=1), noisy_walk(30), Goal(1e-9), EVERYTHING)


def test_a_clip_that_is_too_short_raises_an_error() -> None:
    with pytest.raises(CalibrationError, match="a clip of 23 frames was given; expected at least 24"):
        calibrate(saccade.incremental(network(), threads=1), noisy_walk(23), Goal(0.1), EVERYTHING)


def test_a_disagreement_can_be_the_goal() -> None:
    goal = Goal(0.05, resolve_metric("raw"))
    calibration = calibrate(saccade.incremental(network(), threads=1), noisy_walk(30), goal, EVERYTHING)
    assert calibration.held_back.miss.mean <= 0.05
    assert calibration.profile.goal == "disagreement 0.05 (raw)"


@pytest.mark.parametrize("limit", [0.0, -1.0, float("nan"), float("inf"), "0.1"])
def test_a_goal_that_is_no_limit_raises_an_error(limit) -> None:
    with pytest.raises(CalibrationError, match="expected a finite number above 0"):
        Goal(limit)


@pytest.mark.parametrize("text", ["", "{}", '{"version": 2}', "[1]"])
def test_a_file_that_is_no_profile_raises_an_error(text, tmp_path) -> None:
    path = tmp_path / "profile.json"
    path.write_text(text)
    with pytest.raises(PolicyError, match=r"is no profile: .*; make one by saccade calibrate"):
        read_profile(path)
    with pytest.raises(PolicyError, match="cannot read the profile"):
        read_profile(tmp_path / "missing.json")


@pytest.mark.parametrize("field", ["threshold", "levels", "least_cost"])
@pytest.mark.parametrize("value", [-1.0, float("nan"), float("inf")])
def test_thresholds_that_are_negative_or_not_finite_are_no_profile(field, value) -> None:
    content = found().profile.model_dump() | {field: value}
    with pytest.raises(ValueError, match=field):
        Profile.model_validate(content)
