"""Calibration on made-up frames: what is found keeps to the goal, also where the search had not looked."""

from __future__ import annotations

import dataclasses

import pytest
import torch

import saccade
from saccade.agreement import resolve_metric
from saccade.calibration import Goal, calibrate
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


@pytest.mark.parametrize("limit", [0.0, -1.0, float("nan"), float("inf")])
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
