"""Keyframes of streams that tolerate an error."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from small_models import Small, blob, frame

import saccade
from saccade.policy import Balanced, CBInfer, DeltaCNN, Frugal, Ignore, Keyframed, Near
from saccade.policy.ignore import box_mask

TOLERANT = [Near(0.5), Balanced(5.0), DeltaCNN(0.5), CBInfer(0.5)]


def names(policy: saccade.Policy) -> str:
    return type(policy).__name__


def close(given: torch.Tensor, expected: torch.Tensor) -> bool:
    """Sums of deltas round differently from a dense pass, so that bits may differ."""
    return bool((given - expected).norm() <= 1e-5 * expected.norm())


@pytest.mark.parametrize("policy", TOLERANT, ids=names)
def test_a_change_of_resolution_starts_from_a_dense_frame(policy) -> None:
    model = Small().eval()
    stream = saccade.incremental(model, policy=policy, threads=1)
    for seed, size in enumerate([(24, 32), (24, 32), (40, 56), (40, 56), (24, 32)]):
        current = frame(1, 3, *size, seed=seed)
        output = stream(current)
        if seed in (0, 2, 4):
            assert close(output, stream.dense(current))
            assert stream.last_frame.macs_done == stream.last_frame.macs_dense


@pytest.mark.parametrize("policy", TOLERANT, ids=names)
def test_a_cut_sheds_the_error_of_a_tolerant_policy(policy) -> None:
    stream = saccade.incremental(Small().eval(), policy=Keyframed(policy), threads=1)
    generator = torch.Generator().manual_seed(0)
    scene = torch.rand(1, 3, 64, 64, generator=generator)
    for _ in range(10):
        scene = blob(scene) + 0.02 * torch.randn(scene.shape, generator=generator)
        stream(scene)
    assert stream.report().keyframes == 0
    cut = 0.3 * torch.rand(1, 3, 64, 64, generator=generator)
    output = stream(cut)
    assert close(output, stream.dense(cut))
    assert stream.report().keyframes == 1


def world(seed: int) -> torch.Tensor:
    """Returns a picture (1, 3, 160, 208) with texture at several scales, 0..1, wider than what a camera sees of it."""
    generator = torch.Generator().manual_seed(seed)
    picture = torch.zeros(1, 3, 160, 208)
    for cell in (4, 16, 64):
        noise = torch.rand(1, 3, 160 // cell + 2, 208 // cell + 2, generator=generator)
        picture += torch.nn.functional.interpolate(noise, size=(160, 208), mode="bilinear") / 3
    return picture


EVENTS = {
    "cut": lambda scene: world(1),
    "light switch": lambda scene: 0.6 * scene,
    "knock": lambda scene: scene.roll((3, 6), (2, 3)),
}


@pytest.mark.parametrize("event", EVENTS)
@pytest.mark.parametrize("policy", [Balanced(), Frugal()], ids=names)
def test_named_policies_start_afresh_by_themselves_when_the_scene_changes(policy, event) -> None:
    generator = torch.Generator().manual_seed(0)
    scene = world(0)
    watched = [scene] * 10 + [EVENTS[event](scene)]
    model = Small().eval()
    stream = saccade.incremental(model, policy=policy, threads=1)
    without = saccade.incremental(model, policy=replace(policy, scene=None), threads=1)
    for current in watched:
        noisy = (current + 0.01 * torch.randn(current.shape, generator=generator)).contiguous()
        output = stream(noisy)
        without(noisy)
        assert stream.report().keyframes == (current is watched[-1])
    assert close(output, stream.dense(noisy))
    assert stream.last_frame.macs_done == stream.last_frame.macs_dense
    assert without.report().keyframes == 0


@pytest.mark.parametrize("policy", TOLERANT, ids=names)
def test_what_is_ignored_stays_ignored_across_keyframes(policy) -> None:
    mask = box_mask((64, 64), [(0, 0, 64, 8)])
    stream = saccade.incremental(Small().eval(), policy=Ignore(Keyframed(policy, None, every=2), mask), threads=1)
    first = frame(1, 3, 64, 64)
    stream(first)
    for seed in (1, 2):
        current = frame(1, 3, 64, 64, seed=seed)
        output = stream(current)
    assert stream.report().keyframes == 1
    expected = saccade.incremental(Small().eval())
    expected.model.load_state_dict(stream.model.state_dict())
    assert close(output, expected(torch.where(mask, first, current)))
