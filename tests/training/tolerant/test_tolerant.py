"""Fine-tuning for tolerant streams: pairs of frames, the simulated transmissions, and the loop."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from torch import nn

from saccade.errors import DivergenceError, RecipeError
from saccade.training.images import Images
from saccade.training.tolerant import Simulation, TolerantRecipe, disturb, fine_tune


def network() -> nn.Module:
    torch.manual_seed(0)
    layers = [nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(), nn.Conv2d(8, 8, 3, 2, 1), nn.ReLU()]
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 4)).eval()


def pictures(count: int = 12, side: int = 16) -> Images:
    coarse = np.random.default_rng(0).integers(0, 255, (count, 4, 4, 3), np.uint8)
    pixels = coarse.repeat(side // 4, 1).repeat(side // 4, 2)
    return Images(pixels, torch.zeros(count, dtype=torch.int64), ("a", "b"))


def scaled(pixels: torch.Tensor) -> torch.Tensor:
    return pixels.float() / 255


def told(threshold: float, first: torch.Tensor, second: torch.Tensor) -> tuple[torch.Tensor, float]:
    made = network()
    simulation = Simulation(made, threshold, softness=0.01)
    with simulation.first():
        made(first)
    with simulation.second():
        output = made(second)
    return output, float(simulation.share().detach())


def test_what_does_not_change_is_not_sent() -> None:
    frame = torch.rand(2, 3, 16, 16)
    output, share = told(0.1, frame, frame)
    torch.testing.assert_close(output, network()(frame))
    assert share < 1e-6


def test_with_a_threshold_of_nearly_nothing_all_is_sent() -> None:
    first, second = torch.rand(2, 3, 16, 16), torch.rand(2, 3, 16, 16)
    output, share = told(1e-6, first, second)
    torch.testing.assert_close(output, network()(second), rtol=1e-4, atol=1e-4)
    assert share > 0.6  # of what a ReLU has set to 0 in both frames nothing is sent


def test_above_every_change_the_first_frame_is_answered() -> None:
    first = torch.rand(2, 3, 16, 16)
    output, share = told(10.0, first, first + torch.rand_like(first) * 0.1)
    torch.testing.assert_close(output, network()(first))
    assert share < 1e-6


def test_a_layer_that_is_used_twice_is_told_of_each_use() -> None:
    layer = nn.Conv2d(3, 3, 1)
    made = nn.Sequential(layer, nn.ReLU(), layer)
    frame = torch.rand(1, 3, 8, 8)
    simulation = Simulation(made, 0.1, 0.1)
    with simulation.first():
        expected = made(frame)
    with simulation.second():
        torch.testing.assert_close(made(frame), expected)


def test_no_hook_is_left_behind() -> None:
    made = network()
    simulation = Simulation(made, 0.1, 0.1)
    with pytest.raises(RuntimeError), simulation.first():
        made(torch.rand(1, 5, 8, 8))
    assert all(not module._forward_pre_hooks for module in made.modules())


def test_pairs_are_drawn_by_the_generator_alone_and_differ_mildly() -> None:
    pixels = torch.from_numpy(pictures().pixels).permute(0, 3, 1, 2)
    recipe = TolerantRecipe(noise=2.0)
    first, second = disturb(pixels, recipe, torch.Generator().manual_seed(1))
    again = disturb(pixels, recipe, torch.Generator().manual_seed(1))
    assert torch.equal(first, again[0])
    assert torch.equal(second, again[1])
    assert first.shape == second.shape == pixels.shape
    assert first.dtype == torch.uint8
    assert not torch.equal(first, second)
    assert (first.float() - pixels.float()).abs().mean() < 4


def test_images_of_an_odd_size_keep_it_through_the_encoder() -> None:
    pixels = torch.full((3, 3, 21, 13), 100, dtype=torch.uint8)
    _, second = disturb(pixels, TolerantRecipe(noise=0.0, shift=0), torch.Generator().manual_seed(0))
    assert second.shape == pixels.shape
    assert (second.float() - 100).abs().max() <= 2


def test_work_falls_and_the_network_given_stays_as_it_was() -> None:
    made = network()
    before = {name: tensor.clone() for name, tensor in made.state_dict().items()}
    recipe = TolerantRecipe(steps=40, batch=8, learning_rate=3e-3, thresholds=(0.1, 0.1), work=1.0, faithful=0.1)
    steps: list = []
    tuned = fine_tune(made, pictures(), recipe, scaled, steps.append)
    first, last = (sum(step.share for step in part) / len(part) for part in (steps[:8], steps[-8:]))
    assert last < 0.9 * first
    assert all(torch.equal(before[name], tensor) for name, tensor in made.state_dict().items())
    assert not all(torch.equal(before[name], tensor) for name, tensor in tuned.state_dict().items())


def test_the_same_seed_gives_the_same_weights() -> None:
    recipe = TolerantRecipe(steps=3, batch=4)
    one, two = (fine_tune(network(), pictures(), recipe, scaled).state_dict() for _ in range(2))
    assert all(torch.equal(one[name], two[name]) for name in one)


def test_a_loss_that_is_not_finite_stops_the_run() -> None:
    with pytest.raises(DivergenceError, match="step 0"):
        fine_tune(network(), pictures(), TolerantRecipe(steps=2, batch=4), lambda pixels: scaled(pixels) * torch.nan)


@pytest.mark.parametrize(
    "field", [{"steps": 0}, {"thresholds": (0.3, 0.1)}, {"work": -1.0}, {"quality": (0, 50)}, {"noise": float("inf")}]
)
def test_a_number_out_of_range_is_named(field: dict) -> None:
    with pytest.raises(RecipeError, match=next(iter(field))):
        dataclasses.replace(TolerantRecipe(), **field)
