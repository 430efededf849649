"""The network of a recipe, with its gate."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from torch import nn

from saccade.errors import RecipeError, UnknownModelError
from saccade.gates import gate_class
from saccade.graph.registry import Registry
from saccade.models.backbone import build
from saccade.models.create import gated
from saccade.training.cifar_resnet import CifarResNet
from saccade.training.recipe import Recipe

PUBLISHED = "published"

Builder = Callable[[Recipe], nn.Module]

networks: Registry[Builder] = Registry("network")
"""Networks for small images; all other names are those of ``saccade.models.create``."""


def build_network(recipe: Recipe) -> nn.Module:
    """Returns a recipe's network in training mode; initial weights come from torch's random state or from its file.

    Raises:
        UnknownModelError: there is no such network.
        RegistryError: there is no such gate.
        GateError: the gate does not go there or has no such option.
        RecipeError: published weights are asked for where there are none.
        WeightsError: the weights are missing, unsafe or do not fit.
    """
    published = recipe.pretrained == PUBLISHED
    weights = Path(recipe.pretrained) if recipe.pretrained and not published else None
    options: dict[str, Any] = dict(recipe.gate_options)
    if recipe.network not in networks:
        if recipe.gate is not None:
            gate_class(recipe.gate)
        try:
            model = build(recipe.network, published, recipe.classes)
        except UnknownModelError as error:
            raise UnknownModelError(f"{error}; for small images: {', '.join(networks.names())}") from error
    else:
        if published:
            raise RecipeError(
                f"no weights are published for {recipe.network!r}; give a file that a run of it left, such as --set "
                "pretrained=runs/none-0/last.safetensors"
            )
        model = networks.get(recipe.network)(recipe)
        options["example"] = (2, 3, recipe.image_size, recipe.image_size)
    return gated(model, recipe.gate, recipe.where, classes=recipe.classes, weights=weights, **options)


def _cifar_resnet(depth: int) -> Builder:
    return lambda recipe: CifarResNet(depth, recipe.width, recipe.classes)


def _for_small_images(name: str) -> Builder:
    """Returns the builder of torchvision's ResNet without its early subsampling, as is usual at 32 x 32 pixels."""

    def built(recipe: Recipe) -> nn.Module:
        model = build(name, classes=recipe.classes)
        model.conv1 = nn.Conv2d(3, 64, 3, padding=1, bias=False)
        nn.init.kaiming_normal_(model.conv1.weight, mode="fan_out", nonlinearity="relu")
        model.maxpool = nn.Identity()
        return model

    return built


for _name in ("resnet18", "resnet34", "resnet50", "resnet101"):
    networks.register(f"{_name}-small-images")(_for_small_images(_name))

for _depth in (8, 14, 20, 32, 44, 56, 110):
    networks.register(f"cifar-resnet{_depth}")(_cifar_resnet(_depth))
