"""Thresholds by channel and by place: low where the outputs depend on the picture, high elsewhere."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

import saccade
from saccade.errors import PolicyError
from saccade.policy import Balanced, Calibrated, Frugal, Policy, SceneChange, Tolerance
from saccade.runtime import Program
from saccade.runtime.sensitivity import sensitivities
from saccade.runtime.thresholds import FACTORS, thresholds

SIZE = (64, 128)
BY_DELTAS = Calibrated(threshold=1.0, levels=0.0, by_place=True, least_cost=0.0, delta_cost=1.0)


class LooksLeft(torch.nn.Module):
    """Two convolutions, and an output to which the right half of the picture contributes a hundredth."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.first = torch.nn.Conv2d(3, 8, 3, padding=1)
        self.second = torch.nn.Conv2d(8, 4, 3, padding=1)
        weights = torch.ones(1, 1, *SIZE)
        weights[..., SIZE[1] // 2 :] = 0.01
        self.register_buffer("weights", weights)

    def forward(self, frame: torch.Tensor) -> torch.Tensor:
        return self.second(self.first(frame).relu()) * self.weights


class JoinsLeft(LooksLeft):
    """The same with its places in one row, twice."""

    def forward(self, frame: torch.Tensor) -> torch.Tensor:
        return torch.cat([super().forward(frame).flatten(2)] * 2, 2)


def picture(seed: int = 0) -> torch.Tensor:
    return torch.rand(1, 3, *SIZE, generator=torch.Generator().manual_seed(seed))


def stream_of(policy: Policy) -> saccade.Stream:
    return saccade.incremental(LooksLeft().eval(), policy=policy, threads=1)


def changed_shares(stream: saccade.Stream) -> tuple[float, float]:
    """Returns the shares of the left and of the right half that the first convolution was told."""
    told = next(mask for name, mask in stream.change_maps().items() if name.endswith("frame.told"))
    half = SIZE[1] // 2
    return float(told[..., : half - 2].float().mean()), float(told[..., half + 2 :].float().mean())


@pytest.mark.parametrize("model", [LooksLeft, JoinsLeft])
def test_a_place_counts_by_how_much_the_outputs_depend_on_it(model: type[LooksLeft]) -> None:
    captured = saccade.incremental(model().eval(), threads=1)._program((picture(),), {}).captured
    assert captured.fallbacks() == []
    program = Program(captured, Frugal(), 1)
    for found in sensitivities(program.graph, [picture()]).values():
        half = SIZE[1] // 2
        left, right = found.places[..., : half - 2], found.places[..., half + 2 :]
        assert float(found.places.square().mean()) == pytest.approx(1, rel=1e-4)
        assert float(left.square().mean()) == pytest.approx(1e4 * float(right.square().mean()), rel=0.3)


def test_thresholds_are_divided_by_the_root_of_what_a_cell_matters_within_bounds() -> None:
    graph = Program(stream_of("exact")._program((picture(),), {}).captured, Frugal(), 1).graph
    by_place = thresholds(graph, [picture()], Frugal().tolerance)
    by_channel = thresholds(graph, [picture()], Frugal(by_place=False).tolerance)
    for name, found in by_place.items():
        factor = by_channel[name].elements() / found.elements()
        assert factor.shape[2:] == SIZE
        # The left half matters sqrt(2) times as much as the mean: the nearest of the steps of a quarter octave.
        assert torch.allclose(factor[..., : SIZE[1] // 4], torch.tensor(2**0.25), rtol=1e-4)
        assert torch.allclose(factor[..., -SIZE[1] // 4 :], torch.tensor(FACTORS[0]), rtol=1e-4)


def test_changes_where_the_outputs_hardly_depend_on_the_picture_are_told_later() -> None:
    shares = {}
    for by_place in (False, True):
        stream = stream_of(replace(BY_DELTAS, by_place=by_place))
        stream(picture())
        noise = 0.03 * torch.randn(1, 3, *SIZE, generator=torch.Generator().manual_seed(1))
        stream(picture() + noise)
        shares[by_place] = changed_shares(stream)
    assert shares[False][0] == pytest.approx(shares[False][1], abs=0.05)
    assert shares[True][0] > shares[False][0] + 0.05
    assert shares[True][1] < shares[False][1] - 0.05


def test_a_keyframe_measures_anew_and_streams_of_one_program_do_not_share_places(monkeypatch) -> None:
    program = saccade.compile(LooksLeft().eval(), picture(), policy=Frugal(scene=SceneChange(apart=0)), threads=1)
    measured = []
    original = Program.thresholds
    monkeypatch.setattr(
        Program, "thresholds", lambda self, frames: measured.append(frames[0]) or original(self, frames)
    )
    first, second = program.session(), program.session()
    first(picture())
    first(picture() + 0.01)
    second(picture(1))
    assert len(measured) == 2
    first(0.2 * picture(2))
    assert first.report().keyframes == 1
    assert len(measured) == 3
    assert torch.equal(measured[2], 0.2 * picture(2))


def test_a_first_frame_that_is_not_finite_makes_everything_told() -> None:
    broken = picture()
    broken[0, 0, 5, 5] = float("nan")
    stream = stream_of(replace(BY_DELTAS, scene=None))
    stream(broken)
    assert torch.allclose(stream(picture()), stream.dense(picture()), atol=1e-5)


def test_a_network_too_narrow_for_any_transmission_is_watched_without_sensitivities() -> None:
    stream = saccade.incremental(torch.nn.Conv2d(3, 4, 1).eval(), policy=Balanced(), threads=1)
    for seed in range(3):
        assert torch.allclose(stream(picture(seed)), stream.dense(picture(seed)), atol=1e-5)


def test_by_place_needs_thresholds_in_units_of_sensitivity() -> None:
    with pytest.raises(PolicyError, match="measured by deviation; expected measure='sensitivity'"):
        Tolerance("element", 1.0, "deviation", by_place=True)


def told_and_output(stream: saccade.Stream) -> tuple[float, torch.Tensor]:
    """Returns how much of a second picture the stream was told, and what it answered."""
    stream(picture())
    output = stream(picture(1))
    return stream.report().macs_done, output


def test_thresholds_are_the_same_in_inference_mode() -> None:
    expected, output = told_and_output(stream_of(BY_DELTAS))
    stream = stream_of(BY_DELTAS)
    with torch.inference_mode():
        done, given = told_and_output(stream)
    assert done == expected
    assert torch.equal(output, given)


def test_a_network_made_in_inference_mode_is_measured_too() -> None:
    with torch.inference_mode():
        done, _ = told_and_output(stream_of(BY_DELTAS))
    assert done == told_and_output(stream_of(BY_DELTAS))[0]


def test_a_network_without_gradients_is_refused() -> None:
    class Classes(LooksLeft):
        def forward(self, frame: torch.Tensor) -> torch.Tensor:
            return super().forward(frame).argmax(1)

    stream = saccade.incremental(Classes().eval(), policy=Frugal(), threads=1)
    with pytest.raises(PolicyError, match="no output of this network has a gradient"):
        stream(picture())
