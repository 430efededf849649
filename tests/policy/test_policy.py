"""Policies by name and as objects."""

from __future__ import annotations

import dataclasses
import pickle

import pytest
import torch

from saccade.errors import PolicyError
from saccade.policy import (
    Exact,
    Gate,
    Held,
    History,
    Hold,
    Policy,
    Profile,
    Tolerance,
    Verdict,
    policies,
    resolve_policy,
)
from saccade.policy.gate import mean_change


def test_a_policy_is_found_by_its_name() -> None:
    assert resolve_policy("exact") == Exact()
    assert "exact" in policies


def test_a_policy_object_stands_for_itself() -> None:
    policy = Policy()
    assert resolve_policy(policy) is policy


@pytest.mark.parametrize("given", ["exakt", "", None, 1, Exact, {"name": "exact"}])
def test_anything_else_raises_an_error_that_lists_the_known_names(given) -> None:
    with pytest.raises(PolicyError, match=r"give one of .*exact"):
        resolve_policy(given)


def test_the_path_of_a_profile_may_be_a_path_object(tmp_path) -> None:
    profile = Profile(
        fingerprint="", frame=(1, 3, 8, 8), threshold=0.5, levels=2.0, longest=4, least_cost=8.0, delta_cost=None,
        sensitivities={}, goal="error 0.1", held_back=Held(frames=9, error=0.1, percentile_95=0.1, work=0.5),
    )  # fmt: skip
    path = tmp_path / "profile.json"
    path.write_text(profile.model_dump_json())
    assert resolve_policy(path) == resolve_policy(str(path)) == profile.policy()
    with pytest.raises(PolicyError, match="cannot read the profile"):
        resolve_policy(tmp_path / "missing.json")


def test_only_the_exact_policy_promises_a_dense_pass_bit_for_bit() -> None:
    assert Exact().exact
    assert not Policy().exact


def test_every_named_policy_is_frozen_can_be_pickled_and_is_made_without_arguments() -> None:
    for name in policies:
        policy = policies.get(name)()
        assert isinstance(policy, Policy)
        assert type(policy).__dataclass_params__.frozen
        assert pickle.loads(pickle.dumps(policy)) == policy
        assert dataclasses.replace(policy) == policy


def test_by_default_the_engine_takes_every_place_that_differs() -> None:
    frame = torch.zeros(1, 3, 4, 4)
    assert Policy().changes(frame, frame) is None


@pytest.mark.parametrize(("text", "policy"), [("hold:3", Hold(3)), ("gate:0.5", Gate(0.5)), ("hold", Hold())])
def test_a_number_behind_the_name_is_the_policys_own(text, policy) -> None:
    assert resolve_policy(text) == policy


@pytest.mark.parametrize("text", ["hold:0", "hold:-1", "hold:x", "hold:", "gate:nan", "gate:-1", "gate:x", "exact:1"])
def test_a_number_that_does_not_suit_the_policy_raises_an_error(text) -> None:
    with pytest.raises(PolicyError, match=r"expected|takes nothing"):
        resolve_policy(text)


def test_hold_computes_every_nth_frame() -> None:
    frame = torch.zeros(1, 3, 8, 8)
    verdicts = [Hold(3).judge(frame, frame, History(0, held, 1.0)) for held in (0, 1, 2)]
    assert verdicts == [Verdict.HOLD, Verdict.HOLD, Verdict.UPDATE]


def test_the_mean_change_is_that_of_cells_of_eight_pixels() -> None:
    reference = torch.zeros(1, 2, 8, 16)
    frame = reference.clone()
    frame[..., :8] = 3
    assert mean_change(frame, reference) == pytest.approx(1.5)
    frame[0, 1] = 0
    assert mean_change(frame, reference) == pytest.approx(1.5 * 2**-0.5)


def test_a_gate_holds_small_changes_but_not_for_ever() -> None:
    reference = torch.zeros(1, 1, 16, 16)
    gate = Gate(levels=2.0, longest=3)
    assert gate.judge(reference + 1.9, reference, History(5, 0, 1.0)) is Verdict.HOLD
    assert gate.judge(reference + 2.1, reference, History(5, 0, 1.0)) is Verdict.UPDATE
    assert gate.judge(reference + 1.9, reference, History(5, 0, 0.5)) is Verdict.UPDATE
    assert gate.judge(reference, reference, History(5, 3, 1.0)) is Verdict.UPDATE


@pytest.mark.parametrize(
    "fields",
    [
        {"threshold": -1.0},
        {"threshold": float("nan")},
        {"granularity": "pixel"},
        {"measure": "levels"},
        {"statistic": "mean"},
    ],
)
def test_a_tolerance_with_a_field_that_cannot_be_raises_an_error(fields) -> None:
    with pytest.raises(PolicyError, match=r"expected|give one of"):
        Tolerance(**fields)
