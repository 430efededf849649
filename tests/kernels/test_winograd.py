"""Winograd's 3 x 3 convolution: against torch, and each place's bits whatever else is computed."""

from __future__ import annotations

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from single import check, same_bits, single
from torch import nn

import saccade
from saccade.graph import Convolution
from saccade.runtime import Program, native

few = settings(max_examples=15, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
channel_counts = st.integers(16, 70)
sides = st.integers(1, 11)
paddings = st.tuples(*[st.integers(0, 2)] * 4)


def convolution(batch: int, c_in: int, c_out: int, size: tuple[int, int], padding: tuple[int, ...], seed: int):
    """Returns a graph of one 3 x 3 convolution of stride 1."""
    generator = torch.Generator().manual_seed(seed)
    output = tuple(size[axis] + padding[axis] + padding[axis + 2] - 2 for axis in (0, 1))
    return single(
        Convolution,
        [(batch, c_in, *size)],
        (batch, c_out, *output),
        weight=torch.randn((c_out, c_in, 3, 3), generator=generator) / (9 * c_in) ** 0.5,
        bias=torch.randn(c_out, generator=generator) if seed % 2 else None,
        stride=(1, 1),
        padding=padding,
        dilation=(1, 1),
        groups=1,
    )


@few
@given(
    st.integers(1, 3),
    channel_counts,
    channel_counts,
    st.tuples(sides, sides),
    paddings,
    st.integers(1, 2),
    st.integers(0, 1000),
)
def test_winograd_agrees_with_torch_for_any_map(batch, c_in, c_out, size, padding, threads, seed) -> None:
    size = tuple(max(size[axis], 3 - padding[axis] - padding[axis + 2], 1) for axis in (0, 1))
    check(convolution(batch, c_in, c_out, size, padding, seed), threads, seed)


@few
@given(st.tuples(st.integers(2, 9), st.integers(2, 9)), st.lists(st.integers(0, 99), min_size=1, max_size=6), st.data())
def test_winograd_keeps_the_bits_of_places_that_do_not_change_for_any_pattern(size, places, data) -> None:
    """A frame in which places become infinite or NaN and finite again: what was mended must not stay different."""
    value = data.draw(st.sampled_from([1.5, float("nan"), float("inf"), 3e38]))
    graph = convolution(1, 20, 24, size, (1, 1, 1, 1), 1)
    frame = torch.randn((1, 20, *size), generator=torch.Generator().manual_seed(5))
    changed = frame.clone()
    for place in places:
        changed.flatten(2)[0, place % 20, place % changed[0, 0].numel()] = value
    for instruction_set in native.instruction_sets():
        session = Program(graph, threads=1, instruction_set=instruction_set).session(poison=True)
        for given_frame in (frame, changed, frame):
            assert same_bits(session(given_frame), session.dense(given_frame)), (instruction_set, value)


class Residual(nn.Module):
    """A sum behind a 3 x 3 convolution, as in a residual network, with an activation that is no pair of bounds."""

    def __init__(self, activation: nn.Module) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(24, 24, 3, padding=1)
        self.activation = activation

    def forward(self, frame: torch.Tensor) -> torch.Tensor:
        """Takes and returns (N, 24, H, W)."""
        return self.activation(self.convolution(frame) + frame)


@pytest.mark.parametrize("activation", [nn.ReLU(), nn.SiLU(), nn.Identity()], ids=["relu", "silu", "none"])
def test_winograd_adds_a_residual_and_activates_for_odd_maps(activation: nn.Module) -> None:
    torch.manual_seed(0)
    model = Residual(activation).eval()
    stream = saccade.incremental(model, threads=1)
    frame = torch.randn(2, 24, 7, 9)
    for step in range(4):
        output = stream(frame)
        assert torch.allclose(output, model(frame), atol=1e-5)
        assert torch.equal(output, stream.dense(frame))
        frame = frame.clone()
        frame[step % 2, :, 2 * step, step] += 1
