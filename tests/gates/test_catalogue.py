"""Gates by name."""

from __future__ import annotations

import pytest
import torch

import saccade.gates
from saccade.errors import GateError, RegistryError

NAMES = saccade.gates.list_gates(ablations=True)


def test_gates_are_listed_by_name_and_sorted() -> None:
    assert saccade.gates.list_gates() == sorted(saccade.gates.list_gates())
    assert {"das", "se"} <= set(saccade.gates.list_gates())


@pytest.mark.parametrize("name", NAMES)
def test_a_gate_keeps_the_shape_of_its_features(name) -> None:
    gate = saccade.gates.create(name, 32).eval()
    features = torch.randn(2, 32, 7, 5)
    assert gate(features).shape == features.shape
    assert gate.channels == 32


def test_an_unknown_gate_is_an_error_that_lists_the_known_ones() -> None:
    with pytest.raises(RegistryError, match=r"unknown gate 'dsa'; known: .*das.*se.*did you mean"):
        saccade.gates.create("dsa", 64)


def test_an_unknown_option_is_an_error_that_lists_the_known_ones() -> None:
    with pytest.raises(GateError, match="gate 'se' has no option 'ratio'; known: reduction, bias"):
        saccade.gates.create("se", 64, ratio=2)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("channels", [0, -3, 2.5])
def test_channels_below_one_are_an_error(name, channels) -> None:
    with pytest.raises(GateError, match=f"channels is {channels}; give the number of channels"):
        saccade.gates.create(name, channels)


@pytest.mark.parametrize("alpha", [0, -0.1, 1.01, float("nan")])
def test_alpha_outside_its_range_is_an_error(alpha) -> None:
    with pytest.raises(GateError, match=r"alpha is .*; give the share of channels kept, above 0 and at most 1"):
        saccade.gates.create("das", 64, alpha=alpha)
