"""Optimisers by name."""

from __future__ import annotations

from collections.abc import Callable

from torch import nn, optim

from saccade.graph.registry import Registry
from saccade.training.recipe import Recipe

Maker = Callable[[nn.Module, Recipe], optim.Optimizer]

optimisers: Registry[Maker] = Registry("optimiser")
"""Every optimiser by the name that recipes give; the learning rate is set anew at each step."""


@optimisers.register("sgd")
def sgd(model: nn.Module, recipe: Recipe) -> optim.Optimizer:
    """Stochastic gradient descent with momentum; every parameter decays, as in the papers' recipes."""
    return optim.SGD(
        model.parameters(),
        lr=recipe.learning_rate,
        momentum=recipe.momentum,
        nesterov=recipe.nesterov,
        weight_decay=recipe.weight_decay,
        foreach=True,
    )


@optimisers.register("adamw")
def adamw(model: nn.Module, recipe: Recipe) -> optim.Optimizer:
    """Adam with decoupled weight decay."""
    return optim.AdamW(model.parameters(), lr=recipe.learning_rate, weight_decay=recipe.weight_decay, foreach=True)
