"""When a keyframe is due, on made-up pictures."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from moving_pictures import noise, view, world

from saccade.errors import PolicyError
from saccade.policy import History, SceneChange

WORLD = world()
BEFORE = view(WORLD, 40, 60)
LONG_AGO = History(100, 0, 1.0)


def due(after: torch.Tensor, before: torch.Tensor = BEFORE, history: History = LONG_AGO, **fields: float) -> bool:
    return SceneChange(**fields).is_due(after.contiguous(), before.contiguous(), replace(history, textures=[]))


EVENTS = {
    "a cut": view(world(seed=3), 0, 0),
    "a lamp goes out": BEFORE * 0.5,
    "a lamp goes on": (BEFORE * 1.5).clamp(max=255),
    "automatic exposure": BEFORE * 0.85,
    "infra-red": (BEFORE.mean(1, keepdim=True) * 1.3 + 15).clamp(max=255).expand_as(BEFORE),
    "a knock": view(WORLD, 44, 66),
    "a hard knock": view(WORLD, 20, 100),
}
QUIET = {
    "nothing": BEFORE,
    "noise of the sensor": BEFORE + noise(BEFORE, 3.0),
    "noise of the codec": (BEFORE / 6).round() * 6,
    "one pixel of vibration": view(WORLD, 40, 61),
    "a slow drift of the light": BEFORE * 0.99,
}


@pytest.mark.parametrize("name", EVENTS)
def test_a_keyframe_is_due_when_the_scene_changes(name) -> None:
    assert due(EVENTS[name])


@pytest.mark.parametrize("name", QUIET)
def test_no_keyframe_is_due_without_cause(name) -> None:
    assert not due(QUIET[name])


def test_a_large_object_is_no_change_of_scene() -> None:
    after = BEFORE.clone()
    after[..., 20:140, 10:100] = view(world(seed=4), 0, 0, 120, 90)
    assert not due(after)


@pytest.mark.parametrize("scale", [1 / 255, 3.0])
def test_thresholds_are_grey_levels_whatever_the_frames_units(scale) -> None:
    history = History(100, 0, scale)
    assert due(BEFORE * 0.85 * scale - 1, BEFORE * scale - 1, history)
    assert due(view(WORLD, 44, 66) * scale - 1, BEFORE * scale - 1, history)
    assert not due((BEFORE + noise(BEFORE, 3.0)) * scale - 1, BEFORE * scale - 1, history)


def test_keyframes_lie_apart() -> None:
    after = EVENTS["a cut"]
    assert not due(after, history=History(7, 0, 1.0))
    assert due(after, history=History(8, 0, 1.0))
    assert due(after, history=History(0, 0, 1.0), apart=0)


def test_knocks_can_be_left_alone() -> None:
    # With so little contrast, the mean of most cells makes no step.
    faint, knocked = 0.3 * BEFORE, 0.3 * EVENTS["a knock"]
    assert due(knocked, faint)
    assert not due(knocked, faint, travel=float("inf"))
    assert due(EVENTS["a cut"], travel=float("inf"))


def test_frames_that_are_no_pictures_are_never_due() -> None:
    assert not due(torch.ones(1, 40), torch.zeros(1, 40))


@pytest.mark.parametrize(
    "fields",
    [{"step": -1}, {"step": float("nan")}, {"share": 1.1}, {"travel": -1}, {"agreement": -0.1}, {"apart": -1}],
)
def test_a_threshold_that_makes_no_sense_raises_an_error(fields) -> None:
    with pytest.raises(PolicyError, match=r"SceneChange\(.*\) was given; expected"):
        SceneChange(**fields)
