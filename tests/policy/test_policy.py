"""Policies by name and as objects."""

from __future__ import annotations

import dataclasses
import pickle

import pytest
import torch

from saccade.errors import PolicyError
from saccade.policy import Exact, Policy, policies, resolve_policy


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
