"""Policies of one's own."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
import torch
from small_models import Maps, frame

import saccade
from saccade.errors import (
    PolicyError,
)


@dataclass(frozen=True)
class LeftHalf(saccade.Policy):
    """Takes over the left half only, and remembers what it was asked."""

    def changes(self, frame: torch.Tensor, reference: torch.Tensor) -> torch.Tensor:
        differs = (frame != reference).any(1)
        differs[..., frame.shape[3] // 2 :] = False
        return differs


def test_a_policy_of_ones_own_decides_what_is_taken_over() -> None:
    model = Maps().eval()
    stream = saccade.incremental(model, policy=LeftHalf())
    first, second = frame(), frame(seed=1)
    stream(first)
    output = stream(second)
    mixed = first.clone()
    mixed[..., :16] = second[..., :16]
    assert torch.equal(output, saccade.incremental(model)(mixed))
    assert torch.equal(stream.dense(second), saccade.incremental(model)(second))
    assert not stream.policy.exact
    # The right half is still compared with what was taken over last.
    assert torch.equal(stream(first), saccade.incremental(model)(first))


def test_a_policy_that_answers_none_takes_every_place_that_differs() -> None:
    model = Maps().eval()
    stream = saccade.incremental(model, policy=saccade.Policy())
    broken = frame()
    broken[0, 0, 2, 2] = float("nan")
    for current in (frame(), broken, broken, frame(seed=1)):
        output = stream(current)
        assert torch.equal(output.nan_to_num(7.0), stream.dense(current).nan_to_num(7.0))
    stream(broken)
    stream(broken)
    assert not stream.change_maps()["frame"].any()


def test_a_policy_whose_answer_has_the_wrong_shape_raises_an_error() -> None:
    class Wrong(saccade.Policy):
        def changes(self, frame: torch.Tensor, reference: torch.Tensor) -> torch.Tensor:
            return frame != reference

    stream = saccade.incremental(Maps().eval(), policy=Wrong())
    stream(frame())
    with pytest.raises(PolicyError, match=r"expected torch\.bool of shape \(1, 24, 32\)"):
        stream(frame(seed=1))
