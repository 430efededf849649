"""The network of a recipe, with its gate."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import nn

from saccade.gates import insert
from saccade.graph.registry import Registry
from saccade.models import create
from saccade.training.cifar_resnet import CifarResNet
from saccade.training.recipe import Recipe

Builder = Callable[[Recipe], nn.Module]

networks: Registry[Builder] = Registry("network")
"""Networks that are built by width; all other names are those of ``saccade.models.create``."""


def build_network(recipe: Recipe) -> nn.Module:
    """Returns a recipe's network in training mode; its initial weights come from torch's random state.

    Raises:
        UnknownModelError: there is no such network.
        RegistryError: there is no such gate.
        GateError: the gate does not go there or has no such option.
    """
    options: dict[str, Any] = dict(recipe.gate_options)
    if recipe.network not in networks:
        return create(recipe.network, recipe.gate, recipe.where, classes=recipe.classes, **options)
    model = networks.get(recipe.network)(recipe)
    if recipe.gate is None:
        return model
    example = (2, 3, recipe.image_size, recipe.image_size)
    return insert(model, recipe.gate, recipe.where, example=example, **options)


def _cifar_resnet(depth: int) -> Builder:
    return lambda recipe: CifarResNet(depth, recipe.width, recipe.classes)


for _depth in (8, 14, 20, 32, 44, 56, 110):
    networks.register(f"cifar-resnet{_depth}")(_cifar_resnet(_depth))
