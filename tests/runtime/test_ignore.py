"""Streams that do not watch some regions."""

from __future__ import annotations

import pytest
import torch
from small_models import Maps, Small, TwoInputs, frame

import saccade
from saccade.errors import PolicyError
from saccade.policy import Exact, Hold, Ignore
from saccade.policy.ignore import box_mask

MASK = box_mask((24, 32), [(20, 0, 12, 5)])


def test_ignored_places_keep_the_first_frame_and_the_rest_is_exact() -> None:
    model = Small().eval()
    stream = saccade.incremental(model, ignore=MASK)
    first = frame()
    stream(first)
    for seed in range(1, 5):
        current = frame(seed=seed)
        output = stream(current)
        assert torch.equal(output, saccade.incremental(model)(torch.where(MASK, first, current)))
        assert torch.equal(output, stream.dense(current))
        changed = stream.change_maps()["frame"]
        assert not changed[:, MASK].any()
        assert changed[:, ~MASK].all()


def test_a_change_of_the_time_stamp_alone_costs_nothing() -> None:
    stream = saccade.incremental(Maps().eval(), ignore=MASK)
    first = frame()
    stream(first)
    output = stream(torch.where(MASK, frame(seed=1), first))
    assert torch.equal(output, stream.dense(first))
    assert stream.last_frame.macs_done == 0


def test_another_size_of_frame_starts_afresh_under_a_stretched_mask() -> None:
    model = Maps().eval()
    stream = saccade.incremental(model, ignore=MASK)
    stream(frame())
    small = frame(1, 3, 12, 16)
    assert torch.equal(stream(small), saccade.incremental(model)(small))
    stream(torch.where(torch.nn.functional.adaptive_max_pool2d(MASK[None].float(), (12, 16))[0] > 0, 0.0, small))
    assert not stream.change_maps()["frame"].any()


def test_every_picture_that_a_model_takes_is_masked() -> None:
    stream = saccade.incremental(TwoInputs().eval(), ignore=box_mask((12, 12), [(0, 0, 12, 12)]))
    outputs = stream(frame(1, 3, 12, 12), frame(1, 3, 12, 12, seed=1))
    later = stream(frame(1, 3, 12, 12, seed=2), frame(1, 3, 12, 12, seed=3))
    assert torch.equal(outputs["sum"], later["sum"])


def test_a_policy_around_another_keeps_its_verdicts() -> None:
    stream = saccade.incremental(Maps().eval(), policy=Hold(2), ignore=MASK)
    for seed in range(4):
        stream(frame(seed=seed))
    assert stream.report().held == 2
    assert stream.policy == Ignore(Hold(2), MASK)
    assert not stream.policy.exact
    assert Ignore(Exact(), MASK).exact


def test_what_is_no_mask_raises_an_error() -> None:
    with pytest.raises(PolicyError, match=r"expected a torch\.bool tensor"):
        saccade.incremental(Maps().eval(), ignore=torch.ones(24, 32))
