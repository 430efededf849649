"""Networks from the weights that a run left: the file says itself what network they fit."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from torch import nn

from saccade.errors import RecipeError, WeightsError
from saccade.models.weights import load_weights
from saccade.training.recipe import Recipe
from saccade.training.tasks import tasks


@dataclass(frozen=True)
class Trained:
    """A trained network.

    Attributes:
        network: in evaluation mode; takes normalised images (N, 3, H, W).
        recipe: by which it was trained: its mean, std and image_size are what images need.
        classes: names, by label.
        step: steps it was trained for.
    """

    network: nn.Module
    recipe: Recipe
    classes: tuple[str, ...]
    step: int


def load_trained(path: Path) -> Trained:
    """Returns the network of ``last.safetensors`` or ``best.safetensors``, with its weights.

    Args:
        path: of the file.

    Raises:
        WeightsError: it is missing, damaged, or was not left by a training run.
    """
    notes = _notes(path)
    try:
        recipe = Recipe.from_dict(json.loads(notes["recipe"]))
        classes, step = tuple(json.loads(notes["classes"])), int(notes["step"])
    except (KeyError, ValueError, TypeError, RecipeError) as error:
        raise WeightsError(
            f"{str(path)!r} does not say what network its weights are of ({type(error).__name__}: {error}); give a "
            "file that 'saccade train' left, or name the network and give this one as --weights"
        ) from error
    network = tasks.get(recipe.task).build(recipe.replace(pretrained=""))  # the file has all of its weights
    load_weights(network, path)
    return Trained(network.eval(), recipe, classes, step)


def _notes(path: Path) -> dict[str, str]:
    from safetensors import SafetensorError, safe_open

    if not path.is_file():
        raise WeightsError(f"no weights file at {str(path)!r}; expected one that 'saccade train' left")
    try:
        with safe_open(str(path), framework="pt") as file:
            notes: dict[str, str] = file.metadata() or {}
    except (SafetensorError, OSError) as error:
        raise WeightsError(f"{str(path)!r} is not a safetensors file that can be read: {error}") from error
    return notes
