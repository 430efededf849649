"""Keyframes added to another policy."""

from __future__ import annotations

import pytest
import torch

from saccade.errors import PolicyError
from saccade.policy import Exact, History, Hold, Keyframed, SceneChange, Verdict

FRAME = torch.zeros(1, 3, 16, 16)


def test_a_change_of_scene_makes_a_keyframe_and_the_rest_is_the_other_policys() -> None:
    policy = Keyframed(Hold(2))
    assert policy.judge(FRAME, FRAME, History(20, 0, 1.0)) is Verdict.HOLD
    assert policy.judge(FRAME, FRAME, History(20, 1, 1.0)) is Verdict.UPDATE
    assert policy.judge(FRAME + 50, FRAME, History(20, 0, 1.0)) is Verdict.KEYFRAME
    assert Keyframed(Hold(2), None).judge(FRAME + 50, FRAME, History(20, 0, 1.0)) is Verdict.HOLD


def test_an_interval_makes_every_nth_frame_a_keyframe() -> None:
    policy = Keyframed(Hold(1), SceneChange(), every=3)
    verdicts = [policy.judge(FRAME, FRAME, History(frames, 0, 1.0)) for frames in range(3)]
    assert verdicts == [Verdict.UPDATE, Verdict.UPDATE, Verdict.KEYFRAME]


@pytest.mark.parametrize("fields", [{"policy": "exact"}, {"policy": Exact(), "every": -1}])
def test_a_mistake_raises_an_error(fields) -> None:
    with pytest.raises(PolicyError, match="expected"):
        Keyframed(**fields)
