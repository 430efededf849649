"""What a stream is worth after something went wrong in the middle of it, or after it was copied or used otherwise."""

from __future__ import annotations

import copy
from dataclasses import dataclass

import pytest
import torch
from small_models import Maps, Pair, TwoInputs
from torch import nn

import saccade
from saccade.policy import Gate, Policy


class Inverse(nn.Module):
    """Inverts a corner of the frame in torch, which fails where that is singular, after a layer has run."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Conv2d(3, 4, 3, 1, 1), nn.Conv2d(4, 8, 3, 1, 1)

    def forward(self, frame: torch.Tensor) -> torch.Tensor:
        features = self.first(frame)
        inverse = torch.linalg.inv(frame[:, 0, :4, :4])
        return self.second(features) + inverse.mean()


@dataclass(frozen=True)
class Fails(Policy):
    """Cannot say what changed in frames whose first value is 1."""

    def changes(self, frame: torch.Tensor, reference: torch.Tensor) -> torch.Tensor | None:
        if float(frame[0, 0, 0, 0]) == 1:
            raise RuntimeError("no idea")
        return None


@dataclass(frozen=True)
class Weighted(Policy):
    """Sees frames through a weight that is being trained."""

    def seen(self, frame: torch.Tensor, reference: torch.Tensor | None) -> torch.Tensor:
        return frame * nn.Parameter(torch.tensor(0.5))


def test_after_an_error_in_the_middle_of_a_frame_the_next_one_is_right() -> None:
    stream = saccade.incremental(Inverse().eval())
    first = torch.rand(1, 3, 32, 32)
    singular = first.clone()
    singular[:, 0, :4, :4] = 0
    singular[:, :, 20:25, 20:25] = 0.5
    repaired = singular.clone()
    repaired[:, 0, :4, :4] = first[:, 0, :4, :4]
    stream(first)
    with pytest.raises(RuntimeError, match="singular"):
        stream(singular)
    assert torch.equal(stream(repaired), stream.dense(repaired))


def test_after_a_policy_failed_at_the_second_input_the_next_frame_is_right() -> None:
    stream = saccade.incremental(TwoInputs().eval(), policy=Fails())
    left, right = torch.rand(2, 1, 3, 16, 16)
    stream(left, right)
    other, broken = torch.rand(1, 3, 16, 16), right.clone()
    broken[0, 0, 0, 0] = 1
    with pytest.raises(RuntimeError, match="no idea"):
        stream(other, broken)
    assert torch.equal(stream(other, right)["sum"], stream.dense(other, right)["sum"])


def test_an_ordinary_frame_after_a_benchmark_is_exact() -> None:
    layers = nn.Conv2d(3, 32, 3, 1, 1), nn.ReLU(), nn.Conv2d(32, 32, 3, 2, 1), nn.ReLU(), nn.Conv2d(32, 8, 3, 1, 1)
    stream = saccade.incremental(nn.Sequential(*layers).eval())
    first = torch.rand(1, 3, 64, 64)
    second = first.clone()
    second[:, :, 10:30, 10:30] = torch.rand(1, 3, 20, 20)
    for share in (0.05, 0.15, 0.25, 0.35, 0.45):
        stream(first)
        stream.run_with_activity(second, share)
        assert torch.equal(stream(second), stream.dense(second))


def test_a_copy_made_during_a_benchmark_tells_its_own_maps() -> None:
    stream = saccade.incremental(Maps().eval())
    frame = torch.rand(1, 3, 32, 32)
    stream(frame)
    stream.run_with_activity(frame, 0.25)
    twin = copy.deepcopy(stream)
    expected = {name: mask.clone() for name, mask in stream.change_maps().items()}
    del stream
    for name, mask in twin.change_maps().items():
        assert torch.equal(mask, expected[name])
    moved = torch.rand(1, 3, 32, 32)
    assert torch.equal(twin(moved), twin.dense(moved))


@pytest.mark.parametrize("policy", ["near", "deltacnn", "cbinfer", "frugal"])
def test_a_copy_made_before_the_first_frame_keeps_to_the_policy(policy: str) -> None:
    model = nn.Sequential(nn.Conv2d(3, 8, 3, 1, 1), nn.ReLU(), nn.Conv2d(8, 8, 3, 1, 1)).eval()
    frames = [torch.rand(1, 3, 32, 32) for _ in range(3)]
    original = saccade.compile(model, frames[0], policy=policy).session()
    twin = copy.deepcopy(original)
    for frame in frames:
        assert torch.equal(twin(frame), original(frame))
    assert twin.report().macs_done == original.report().macs_done


def test_outputs_carry_no_gradients_however_a_policy_sees_frames() -> None:
    class Passes(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.convolution = nn.Conv2d(3, 4, 3, 1, 1)

        def forward(self, frame: torch.Tensor, values: torch.Tensor) -> tuple[torch.Tensor, ...]:
            return self.convolution(frame), torch.cumsum(values, 0), values

    outputs = saccade.incremental(Passes().eval(), policy=Weighted())(torch.rand(1, 3, 16, 16), torch.rand(5))
    assert not any(output.requires_grad for output in outputs)


class Chooses(nn.Module):
    """Chooses between two layers' outputs by a mask, and adds a row of a table."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Conv2d(3, 4, 3, 1, 1), nn.Conv2d(4, 4, 3, 1, 1)
        self.table = nn.Embedding(5, 4)

    def forward(self, frame: torch.Tensor, mask: torch.Tensor, row: torch.Tensor) -> torch.Tensor:
        features = self.first(frame)
        return self.second(torch.where(mask, features, 0) + self.table(row).view(1, 4, 1, 1))


@pytest.mark.parametrize("policy", ["near", "balanced", "frugal", "deltacnn"])
def test_inputs_that_are_no_numbers_of_a_picture_stay_what_they_are(policy: str) -> None:
    model = Chooses().eval()
    stream = saccade.incremental(model, policy=policy)
    mask, row = torch.rand(1, 4, 16, 16) > 0.5, torch.tensor([3])
    for _ in range(3):
        frame = torch.rand(1, 3, 16, 16)
        outputs = stream(frame, mask, row)
    assert outputs.shape == (1, 4, 16, 16)
    torch.testing.assert_close(stream.dense(frame, mask, row), model(frame, mask, row), rtol=1e-4, atol=1e-5)


def test_a_mask_may_be_the_first_input_of_a_stream_that_keeps_to_an_error() -> None:
    class Masked(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.convolution = nn.Conv2d(3, 4, 3, 1, 1)

        def forward(self, mask: torch.Tensor, frame: torch.Tensor) -> torch.Tensor:
            return self.convolution(torch.where(mask, frame, 0))

    stream = saccade.incremental(Masked().eval(), policy="balanced")
    mask, frame = torch.rand(1, 3, 16, 16) > 0.5, torch.rand(1, 3, 16, 16)
    assert torch.equal(stream(mask, frame), stream.dense(mask, frame))


def test_a_fallback_without_inputs_runs_under_every_policy() -> None:
    class Noisy(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.second = nn.Conv2d(3, 4, 3, 1, 1), nn.Conv2d(4, 4, 3, 1, 1)

        def forward(self, frame: torch.Tensor) -> torch.Tensor:
            return self.second(torch.relu(self.first(frame)) + torch.randn(1, 4, 16, 16))

    for policy in ("exact", "near", "frugal"):
        stream = saccade.incremental(Noisy().eval(), policy=policy)
        for _ in range(3):
            assert stream(torch.rand(1, 3, 16, 16)).isfinite().all()


def test_a_gate_holds_again_after_a_video_that_begins_black() -> None:
    stream = saccade.incremental(Maps().eval(), policy=Gate(2.0))
    picture = torch.rand(1, 3, 32, 32)
    stream(torch.zeros(1, 3, 32, 32))
    for _ in range(60):
        stream(picture + 0.002 * torch.rand(1, 3, 32, 32))
    assert stream.report().held > 30


def test_sensitivities_are_of_no_frame_that_was_forgotten() -> None:
    stream = saccade.incremental(nn.Sequential(nn.Conv2d(3, 4, 3), nn.Conv2d(4, 4, 3)).eval(), policy="near")
    stream(torch.rand(1, 3, 16, 16))
    assert stream.sensitivities()
    stream.reset()
    assert stream.sensitivities() == {}


@pytest.mark.parametrize(("policy", "least_held"), [("gate:2", 3), ("hold:3", 1), ("balanced:0.05", 0)])
def test_a_frame_is_not_held_while_an_input_changes_that_the_policy_does_not_see(policy: str, least_held: int) -> None:
    stream = saccade.incremental(Pair().eval(), policy=policy)
    left = torch.rand(1, 3, 32, 32)
    for _ in range(6):
        right = torch.rand(1, 3, 32, 32)
        assert torch.equal(stream(left, right), stream.dense(left, right))
    for _ in range(3):
        stream(left, right)
    assert stream.report().held >= least_held


@pytest.mark.parametrize("policy", ["gate:2", "balanced", "frugal", "hold:3"])
def test_outputs_that_are_no_numbers_are_never_held(policy: str) -> None:
    stream = saccade.incremental(Maps().eval(), policy=policy)
    clean = torch.rand(1, 3, 32, 32)
    broken = clean.clone()
    broken[0, 0, 6, 6] = float("nan")  # in a row that no gate looks at
    stream(torch.rand(1, 3, 32, 32))
    stream(broken)
    for _ in range(4):
        assert stream(clean).isfinite().all()


def test_a_stream_that_was_reset_is_as_a_fresh_one() -> None:
    layers = [nn.Conv2d(3, 64, 3, 2, 1), nn.ReLU()] + [nn.Conv2d(64, 64, 3, 1, 1), nn.ReLU()] * 3
    stream = saccade.incremental(nn.Sequential(*layers).eval(), policy="balanced:0.05", threads=1)
    first = torch.rand(1, 3, 64, 96)
    frames = [first + 0.02 * step * torch.rand_like(first) for step in range(8)]
    fresh = [stream(frame) for frame in frames]
    work = stream.report().macs_done
    stream.reset()
    for frame, expected in zip(frames, fresh, strict=True):
        assert torch.equal(stream(frame), expected)
    assert stream.report().macs_done == work
