"""Tolerant streams of small networks: exact but for rounding at threshold 0, and errors that do not grow."""

from __future__ import annotations

import copy
import pickle

import pytest
import torch

import saccade
from saccade.runtime.delta_cost import DeltaCost


class Excited(torch.nn.Module):
    """A convolution, a depthwise one, squeeze and excitation, a residual sum and a strided convolution."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.first = torch.nn.Conv2d(3, 16, 3, padding=1)
        self.each = torch.nn.Conv2d(16, 16, 3, padding=1, groups=16)
        self.squeeze = torch.nn.Conv2d(16, 8, 1)
        self.excite = torch.nn.Conv2d(8, 16, 1)
        self.wide = torch.nn.Conv2d(16, 80, 3, stride=2, padding=1)
        self.last = torch.nn.Conv2d(80, 5, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.first(x).relu()
        y = self.each(x).relu()
        scale = self.excite(self.squeeze(y.mean((2, 3), keepdim=True)).relu()).sigmoid()
        return self.last(self.wide(y * scale + x).relu())


def noisy_walk(frames: int) -> list[torch.Tensor]:
    """Returns a square that walks over a still picture, with a little noise on a part of it."""
    generator = torch.Generator().manual_seed(0)
    still = torch.rand((1, 3, 24, 32), generator=generator)
    walk = []
    for step in range(frames):
        frame = still.clone()
        frame[..., 8:14, step % 24 : step % 24 + 6] = 1.0
        frame[..., :12] += 0.02 * torch.randn((1, 3, 24, 12), generator=generator)
        walk.append(frame)
    return walk


def errors_of(policy: str, frames: int) -> tuple[list[float], saccade.Stream]:
    model = Excited().eval()
    stream = saccade.incremental(model, policy=policy, threads=1)
    exact = saccade.incremental(model, threads=1)
    errors = []
    for frame in noisy_walk(frames):
        expected = exact.dense(frame)
        errors.append(float((stream(frame) - expected).norm() / expected.norm()))
    return errors, stream


def test_threshold_zero_is_exact_but_for_rounding_however_long_the_stream() -> None:
    errors, stream = errors_of("near:0", 120)
    assert max(errors) < 1e-5
    report = stream.report()
    assert 0 < report.macs_done < report.macs_dense


@pytest.mark.parametrize("policy", ["near:0.5", "balanced:0.1", "frugal:0.1", "deltacnn:0.05", "cbinfer:0.02"])
def test_the_error_of_a_tolerant_policy_does_not_grow(policy, monkeypatch) -> None:
    # As on a machine where deltas cost twice and comparing pays, so that no layer is told everything for a while.
    monkeypatch.setattr("saccade.runtime.program.delta_cost", lambda *_: DeltaCost(1.0, 2.0, 0.0, 0.0))
    errors, _ = errors_of(policy, 100)
    assert errors[0] < 1e-5
    early, late = sum(errors[5:25]) / 20, sum(errors[80:]) / 20
    assert late < 1.5 * early + 1e-3


@pytest.mark.parametrize("policy", ["near", "near:0", "frugal:0.05"])
@pytest.mark.parametrize("glitch", [1e3, 1e6, 1e30])
def test_a_glitch_leaves_no_rounding_behind(policy, glitch) -> None:
    stream = saccade.incremental(Excited().eval(), policy=policy, threads=1)
    frames = noisy_walk(12)
    frames[5][..., 8:14, 14:18] = glitch  # as high as the rows that a policy looks at are apart
    errors = []
    for frame in frames:
        answer, dense = stream(frame), stream.dense(frame)
        errors.append(float((answer - dense).norm() / dense.norm()))
    bound = {"near": 0.005, "near:0": 1e-4, "frugal:0.05": 0.15}[policy]  # held frames may err by more
    assert max(errors[:5] + errors[6:]) < bound


def test_a_larger_threshold_does_less_work_at_a_larger_error() -> None:
    (small, little), (large, much) = (errors_of(f"frugal:{error}", 30) for error in (0.02, 0.5))
    assert sum(small) < sum(large)
    assert little.report().macs_done > much.report().macs_done


def test_a_copy_of_a_tolerant_stream_goes_on_alike_and_a_pickled_program_starts_afresh() -> None:
    walk = noisy_walk(8)
    stream = saccade.incremental(Excited().eval(), policy="frugal:0.1", threads=1)
    for frame in walk[:4]:
        stream(frame)
    twin = copy.deepcopy(stream)
    for frame in walk[4:]:
        assert torch.equal(stream(frame), twin(frame))
    program = saccade.compile(Excited().eval(), walk[0], policy="frugal:0.1", threads=1)
    fresh = pickle.loads(pickle.dumps(program)).session()
    first = program.session()
    for frame in walk:
        assert torch.equal(first(frame), fresh(frame))
