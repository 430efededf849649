"""The loop of a tolerant fine-tuning."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from saccade.errors import DivergenceError
from saccade.training.images import Images
from saccade.training.tolerant.disturbance import disturb
from saccade.training.tolerant.recipe import TolerantRecipe
from saccade.training.tolerant.simulation import Simulation

WARM_UP = 0.1
"""Share of the steps in which the rate rises."""


@dataclass(frozen=True)
class TolerantStep:
    """What one step saw.

    Attributes:
        step: from 0.
        threshold: simulated, in standard deviations.
        share: expected share of the multiply-adds of the second frame.
        error: relative squared error of the simulated stream.
        unfaithful: relative squared difference from the network as it was, mean of both frames.
    """

    step: int
    threshold: float
    share: float
    error: float
    unfaithful: float


def fine_tune(
    network: nn.Module,
    images: Images,
    recipe: TolerantRecipe,
    preprocess: Callable[[Tensor], Tensor],
    on_step: Callable[[TolerantStep], None] | None = None,
) -> nn.Module:
    """Returns a copy of the network that needs less work in a tolerant stream; the network itself is not changed.

    Batch norms keep their statistics; all weights learn.

    Args:
        network: in eval mode, on the CPU; takes (N, 3, H, W) float32 and returns one tensor.
        images: the pictures, of which no labels are read.
        recipe: what to do.
        preprocess: from (N, 3, H, W) uint8 RGB to the network's input.
        on_step: called after every step.

    Raises:
        DivergenceError: the loss is not finite.
    """
    teacher, student = network, copy.deepcopy(network).requires_grad_()
    optimiser = torch.optim.Adam(student.parameters(), lr=recipe.learning_rate)
    generator = torch.Generator().manual_seed(recipe.seed)
    for step in range(recipe.steps):
        for group in optimiser.param_groups:
            group["lr"] = recipe.learning_rate * _rate(step, recipe.steps)
        chosen = torch.randint(len(images), (recipe.batch,), generator=generator)
        pixels = images.at(chosen)[0].permute(0, 3, 1, 2)
        first, second = (preprocess(frame) for frame in disturb(pixels, recipe, generator))
        lowest, highest = (math.log(threshold) for threshold in recipe.thresholds)
        threshold = math.exp(lowest + float(torch.rand((), generator=generator)) * (highest - lowest))
        with torch.no_grad():
            wanted = teacher(torch.cat((first, second)))
        simulation = Simulation(student, threshold, recipe.softness)
        with simulation.first():
            before = student(first)
        after = student(second)
        with simulation.second():
            told = student(second)
        share, error = simulation.share(), _relative(told, after)
        unfaithful = _relative(torch.cat((before, after)), wanted)
        loss = recipe.work * share + recipe.error * error + recipe.faithful * unfaithful
        seen = TolerantStep(step, threshold, *(float(part.detach()) for part in (share, error, unfaithful)))
        if not math.isfinite(value := float(loss.detach())):
            raise DivergenceError(f"the loss is {value} at step {step} ({seen}); give a lower learning rate")
        optimiser.zero_grad()
        torch.autograd.backward(loss)
        optimiser.step()
        if on_step is not None:
            on_step(seen)
    return student


def _relative(given: Tensor, expected: Tensor) -> Tensor:
    """Returns the squared L2 norm of the difference over that of what was expected."""
    return (given - expected).square().sum() / expected.detach().square().sum()


def _rate(step: int, steps: int) -> float:
    rising = max(1, round(WARM_UP * steps))
    if step < rising:
        return (step + 1) / rising
    return 0.5 * (1 + math.cos(math.pi * (step - rising) / max(1, steps - rising)))
