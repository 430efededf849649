"""Streams that keep within an error: what they measure, what they learn, and what comes of it."""

from __future__ import annotations

import copy
from collections.abc import Iterator

import pytest
import torch
from small_models import Small

import saccade
from saccade.policy import Allowance, Balanced, Frugal
from saccade.runtime.recompression import recompressed_frame

SIZE = (64, 96)


def picture(seed: int = 0) -> torch.Tensor:
    """Returns a picture (1, 3, 64, 96) with texture at several scales, 0..1."""
    generator = torch.Generator().manual_seed(seed)
    noises = [torch.rand(1, 3, *(side // cell for side in SIZE), generator=generator) for cell in (1, 4, 16)]
    resized = [torch.nn.functional.interpolate(noise, size=SIZE, mode="bilinear") for noise in noises]
    return torch.stack(resized).mean(0)


def clip(frames: int) -> Iterator[torch.Tensor]:
    """Yields a still scene with noise, through which a bright square walks to and fro."""
    generator = torch.Generator().manual_seed(1)
    for number in range(frames):
        frame = picture() + 0.01 * torch.randn(1, 3, *SIZE, generator=generator)
        left = abs(number % 80 - 40) * 2
        frame[..., 20:40, left : left + 16] = 1.0
        yield frame


def network() -> torch.nn.Module:
    torch.manual_seed(0)
    return Small().eval()


def relative(given: torch.Tensor, right: torch.Tensor) -> float:
    return float((given - right).norm() / right.norm())


def mean_error(stream: saccade.Stream, frames: int = 240) -> float:
    errors = [relative(stream(frame), stream.dense(frame)) for frame in clip(frames)]
    return sum(errors) / len(errors)


@pytest.mark.parametrize("error", [0.001, 0.003])
def test_the_mean_error_stays_within_what_is_allowed_and_most_of_it_is_spent(error) -> None:
    stream = saccade.incremental(network(), policy=Balanced(error), threads=1)
    assert 0.1 * error < mean_error(stream) <= error
    report = stream.report()
    assert report.held > 60
    assert report.foresight.allowed == error
    assert report.foresight.foreseen <= error
    assert "error allowed" in str(report)


def test_more_is_held_where_more_is_allowed() -> None:
    held = []
    for error in (0.0003, 0.001, 0.003):
        stream = saccade.incremental(network(), policy=Balanced(error), threads=1)
        mean_error(stream, 120)
        held.append(stream.report().held)
    assert held == sorted(held)
    assert held[0] < held[-1]


def test_no_error_is_allowed_to_a_stream_that_is_given_none() -> None:
    stream = saccade.incremental(network(), policy="balanced:0", threads=1)
    assert mean_error(stream, 40) == 0
    assert stream.report().held == 0


def test_by_default_the_error_of_jpeg_is_measured_and_kept_to() -> None:
    stream = saccade.incremental(network(), policy="balanced", threads=1)
    first = next(clip(1))
    stream(first)
    yardstick = relative(stream.dense(recompressed_frame(first, 90)), stream.dense(first))
    assert stream.report().foresight.allowed == pytest.approx(Allowance().share * yardstick, rel=1e-4)
    stream.reset()
    errors, jpeg = [], []
    for frame in clip(240):
        dense = stream.dense(frame)
        errors.append(relative(stream(frame), dense))
        jpeg.append(relative(stream.dense(recompressed_frame(frame, 90)), dense))
    assert 0 < sum(errors) <= sum(jpeg)
    passes = stream.report().foresight.passes
    assert passes == 4  # on the first frame, and on the first to be computed after about 32, 64 and 128
    assert stream.report().macs_done >= passes * stream.last_frame.macs_dense


def test_layers_that_tell_less_than_everything_are_brought_to_their_share() -> None:
    stream = saccade.incremental(network(), policy=Frugal(0.05, longest=0, scene=None), threads=1)
    errors = [relative(stream(frame), stream.dense(frame)) for frame in clip(200)]
    calm = saccade.incremental(network(), policy=Frugal(0.0005, longest=0, scene=None), threads=1)
    small = [relative(calm(frame), calm.dense(frame)) for frame in clip(200)]
    assert 0 < sum(small[100:]) / 100 < 0.0005 < sum(errors[100:]) / 100 < 0.05
    assert stream.report().held == 0


def test_a_picture_that_jumps_is_never_held_however_little_noise_has_cost() -> None:
    stream = saccade.incremental(network(), policy=Balanced(1e6), threads=1)
    for frame in clip(25):
        stream(frame)
    held = stream.report().held
    assert held > 10
    cut = 0.3 * picture(5)
    assert torch.equal(stream(cut), stream.dense(cut))
    assert stream.report().held == held


def test_copies_go_on_alike_and_do_not_share_what_they_learn() -> None:
    frames = list(clip(60))
    stream = saccade.incremental(network(), policy=Balanced(0.05), threads=1)
    for frame in frames[:30]:
        stream(frame)
    twin = copy.deepcopy(stream)
    answers = [stream(frame) for frame in frames[30:]]
    before = twin.report().foresight
    assert before != stream.report().foresight
    assert all(torch.equal(twin(frame), answer) for frame, answer in zip(frames[30:], answers, strict=True))
    assert twin.report().foresight == stream.report().foresight


def test_a_reset_forgets_what_was_learned() -> None:
    stream = saccade.incremental(network(), policy=Balanced(0.05), threads=1)
    first = [stream(frame) for frame in clip(40)]
    stream.reset()
    again = [stream(frame) for frame in clip(40)]
    assert all(torch.equal(left, right) for left, right in zip(first, again, strict=True))


def test_a_breach_of_an_audit_is_computed_afresh_and_the_stream_goes_on() -> None:
    stream = saccade.incremental(network(), policy=Balanced(0.2), threads=1, audit=1, error_limit=0.002)
    for frame in clip(60):
        assert relative(stream(frame), stream.dense(frame)) <= 0.002
    assert stream.report().audit.breaches > 0
    assert stream.report().held > 0


@pytest.mark.parametrize(
    ("shape", "dtype"), [((2, 3, 16, 24), torch.uint8), ((1, 1, 16, 24), torch.float32), ((2, 4, 9, 7), torch.float32)]
)
def test_frames_of_any_kind_are_re_encoded_in_their_own_units(shape, dtype) -> None:
    generator = torch.Generator().manual_seed(0)
    smooth = torch.nn.functional.avg_pool2d(torch.rand(shape, generator=generator), 5, 1, 2)
    frame = (255 * smooth).to(dtype) if dtype == torch.uint8 else 6 * smooth - 3
    again = recompressed_frame(frame, 90)
    assert again.shape == frame.shape
    assert again.dtype == dtype
    off = (again.float() - frame.float()).abs().mean() / (frame.float().max() - frame.float().min())
    assert 0 < off < 0.1


def test_a_frame_of_one_value_stays_itself() -> None:
    frame = torch.full((1, 3, 16, 16), 0.5)
    assert torch.allclose(recompressed_frame(frame, 90), frame)
