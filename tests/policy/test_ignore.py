"""Regions that are not watched."""

from __future__ import annotations

import pickle

import pytest
import torch

from saccade.errors import PolicyError
from saccade.policy import Exact, Gate, History, Ignore, Keyframed, Policy, Verdict
from saccade.policy.ignore import box_mask


@pytest.mark.parametrize("wrapper", [Ignore, Keyframed])
def test_every_method_of_a_policy_is_passed_on(wrapper) -> None:
    own = {name for name in vars(Policy) if not name.startswith("_")} - {"parse"}
    assert own <= vars(wrapper).keys()


def test_the_reference_is_seen_in_the_ignored_places() -> None:
    mask = box_mask((8, 10), [(2, 1, 3, 2), (9, 7, 5, 5)])
    frame, reference = torch.rand(2, 3, 8, 10), torch.rand(2, 3, 8, 10)
    seen = Ignore(Exact(), mask).seen(frame, reference)
    assert torch.equal(seen, torch.where(mask, reference, frame))
    assert int(mask.sum()) == 7
    assert Ignore(Exact(), mask).seen(frame, None) is frame


def test_a_mask_of_another_size_covers_all_that_it_touches() -> None:
    frame, reference = torch.ones(1, 1, 4, 4), torch.zeros(1, 1, 4, 4)
    fine = torch.zeros(16, 16, dtype=torch.bool)
    fine[3, 4] = True
    assert Ignore(Exact(), fine).seen(frame, reference).flatten().tolist() == [1, 0] + 14 * [1]
    coarse = torch.tensor([[True, False], [False, False]])
    assert int(Ignore(Exact(), coarse).seen(frame, reference).sum()) == 12


def test_an_empty_mask_changes_nothing() -> None:
    frame = torch.rand(1, 3, 8, 8)
    assert Ignore(Exact(), torch.zeros(8, 8, dtype=torch.bool)).seen(frame, frame + 1) is frame


def test_what_changes_in_a_mask_holds_a_gate_shut() -> None:
    reference = torch.zeros(1, 3, 16, 16)
    frame = reference.clone()
    frame[..., :8] = 100
    gate, history = Gate(1.0), History(9, 0, 1.0)
    hidden = Ignore(gate, box_mask((16, 16), [(0, 0, 8, 16)]))
    assert gate.judge(frame, reference, history) is Verdict.UPDATE
    assert hidden.judge(hidden.seen(frame, reference), reference, history) is Verdict.HOLD


def test_masks_compare_by_value_and_can_be_pickled() -> None:
    policy = Ignore(Exact(), box_mask((4, 4), [(0, 0, 2, 2)]))
    twin = pickle.loads(pickle.dumps(policy))
    assert twin == policy
    assert hash(twin) == hash(policy)
    assert policy != Ignore(Exact(), box_mask((4, 4), [(0, 0, 2, 3)]))
    assert policy != Exact()


@pytest.mark.parametrize(
    "mask", [torch.zeros(4, 4), torch.zeros(4, dtype=torch.bool), torch.zeros(0, 4, dtype=torch.bool), [[True]]]
)
def test_what_is_no_mask_raises_an_error(mask) -> None:
    with pytest.raises(PolicyError, match="expected"):
        Ignore(Exact(), mask)


@pytest.mark.parametrize("box", [(-1, 0, 2, 2), (0, 0, 0, 2), (10, 0, 1, 1), (0, 8, 1, 1)])
def test_a_box_outside_the_picture_raises_an_error(box) -> None:
    with pytest.raises(PolicyError, match=r"inside a picture of 10 x 8"):
        box_mask((8, 10), [box])
