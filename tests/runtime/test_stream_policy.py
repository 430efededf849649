"""Policies of one's own."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
import torch
from small_models import Maps, frame

import saccade
from saccade.errors import PolicyError
from saccade.policy import History, Verdict


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


@dataclass(frozen=True)
class Scripted(saccade.Policy):
    """Judges the frames after the first by a script."""

    script: tuple[Verdict, ...]

    def judge(self, frame: torch.Tensor, reference: torch.Tensor, history: History) -> Verdict:
        seen.append((reference.clone(), history))
        return self.script[len(seen) - 1]


seen: list[tuple[torch.Tensor, History]] = []


def test_a_policy_holds_updates_and_refreshes_frames() -> None:
    seen.clear()
    policy = Scripted((Verdict.HOLD, Verdict.HOLD, Verdict.UPDATE, Verdict.KEYFRAME))
    stream = saccade.incremental(Maps().eval(), policy=policy)
    frames = [frame(seed=seed) for seed in range(5)]
    outputs, maps, work = [], [], []
    for current in frames:
        outputs.append(stream(current))
        maps.append(stream.change_maps()["frame"])
        work.append(stream.last_frame.macs_done)
    dense = [stream.dense(current) for current in frames]
    for output, expected in zip(outputs, (dense[0], dense[0], dense[0], dense[3], dense[4]), strict=True):
        assert torch.equal(output, expected)
    assert [bool(changed.any()) for changed in maps] == [True, False, False, True, True]
    assert work[1:3] == [0, 0]
    assert work[4] == stream.last_frame.macs_dense
    # References are what was taken over last, whatever was held in between.
    assert torch.equal(seen[2][0], frames[0])
    assert torch.equal(seen[3][0], frames[3])
    assert [(history.frames, history.held) for _, history in seen] == [(0, 0), (1, 1), (2, 2), (3, 0)]
    report = stream.report()
    assert (report.frames, report.held, report.keyframes) == (5, 2, 1)
    assert "(2 held, 1 keyframes)" in str(report)


def test_a_grey_level_is_a_255th_of_the_last_keyframes_range() -> None:
    seen.clear()
    stream = saccade.incremental(Maps().eval(), policy=Scripted((Verdict.UPDATE, Verdict.UPDATE)))
    first = frame()
    stream(first)
    stream(first * 1.4)
    stream(first)
    expected = float(first.max() - first.min()) / 255
    assert [history.grey_level for _, history in seen] == pytest.approx([expected, expected])


def camera(*, first: torch.Tensor) -> list[torch.Tensor]:
    """Returns a frame, and sixty of a still picture with noise of half a grey level."""
    torch.manual_seed(0)
    still = frame()
    return [first, *(still + torch.randn(still.shape) / 512 for _ in range(60))]


def spoiled(value: float) -> torch.Tensor:
    first = frame()
    first[0, 0, 3, 3] = value
    return first


@pytest.mark.parametrize(
    "first", [frame() / 10, frame() * 0, spoiled(float("inf")), spoiled(float("nan")), spoiled(1e30)]
)
def test_a_first_frame_that_is_dark_or_spoiled_does_not_decide_what_a_grey_level_is(first) -> None:
    frames = camera(first=first)
    stream = saccade.incremental(Maps().eval(), policy="gate:3")
    held = []
    for index, current in enumerate([*frames, frame(seed=1)]):
        answer = stream(current)
        held.append(stream.last_frame.macs_done == 0 and index > 0)
    assert sum(held[20:-1]) > 30
    assert not held[-1]
    assert torch.equal(answer, stream.dense(frame(seed=1)))


def test_an_answer_that_is_no_verdict_raises_an_error() -> None:
    class Wrong(saccade.Policy):
        def judge(self, frame: torch.Tensor, reference: torch.Tensor, history: History) -> bool:
            return True

    stream = saccade.incremental(Maps().eval(), policy=Wrong())
    stream(frame())
    with pytest.raises(PolicyError, match=r"Wrong\.judge returned True; expected a saccade\.policy\.Verdict"):
        stream(frame())
