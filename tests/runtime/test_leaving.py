"""Outputs as they leave the engine: places of channels become torch's planes."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import saccade
from saccade.runtime import native_information

SETS = native_information()["instruction_sets"]


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(SETS), st.integers(1, 2), st.integers(1, 40), st.integers(1, 4), st.integers(1, 30))
def test_every_value_leaves_in_its_place(instruction_set, images, channels, height, width) -> None:
    frame = torch.arange(images * channels * height * width, dtype=torch.float32).reshape(
        images, channels, height, width
    )
    program = saccade.compile(torch.nn.ReLU().eval(), (frame,), instruction_set=instruction_set)
    assert torch.equal(program.session(poison=True)(frame), frame)


@pytest.mark.parametrize("width", [3, 8, 21])
def test_a_part_of_the_channels_leaves_without_its_neighbours(width) -> None:
    class Part(torch.nn.Module):
        def forward(self, frame: torch.Tensor) -> torch.Tensor:
            return frame.relu()[:, 3:8]

    frame = torch.rand(1, 11, 2, width)
    program = saccade.compile(Part().eval(), (frame,))
    assert torch.equal(program.session(poison=True)(frame), frame[:, 3:8])
