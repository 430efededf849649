"""The networks that are explained, and the names of their classes."""

from __future__ import annotations

import difflib
from dataclasses import dataclass, replace
from pathlib import Path

from torch import nn

from saccade.cli.models import ChosenModel
from saccade.cli.preprocess import Preprocessing
from saccade.errors import ExplanationError, ModelError

DEFAULT_SIZE = (224, 224)
_NUMBER = 3


@dataclass(frozen=True)
class Network:
    """A network to explain.

    Attributes:
        name: what pictures call it.
        model: the module.
        preprocessing: from the framed picture to its input; keeps the picture's size.
        size: (H, W) that its input must have, or None.
        categories: names of its classes, or none.
        weights: where its weights come from, in a few words.
    """

    name: str
    model: nn.Module
    preprocessing: Preprocessing
    size: tuple[int, int] | None
    categories: tuple[str, ...]
    weights: str

    def category(self, label: int | str | None) -> int | None:
        """Returns the index of a class, given by index or by name; None for None.

        Raises:
            ExplanationError: there is no class of that name, or the names are not known.
        """
        if label is None or isinstance(label, int):
            return label
        if label.isdecimal():
            return int(label)
        names = [name.lower() for name in self.categories]
        if label.lower() in names:
            return names.index(label.lower())
        if not names:
            raise ExplanationError(
                f"the names of the classes of {self.name} are not known, so {label!r} means nothing; give the index of "
                "the class, or their names with --categories FILE, one a line"
            )
        close = difflib.get_close_matches(label.lower(), names, n=_NUMBER)
        hint = (
            f"did you mean {' or '.join(map(repr, close))}?" if close else f"known: {', '.join(names[:_NUMBER])}, ..."
        )
        raise ExplanationError(f"{self.name} has no class {label!r}; {hint}")

    def category_name(self, index: int) -> str:
        """Returns the name of a class, or its number where names are not known."""
        return self.categories[index] if index < len(self.categories) else f"class {index}"


def network_of(
    chosen: ChosenModel,
    weights: str | None,
    categories: tuple[str, ...],
    mean: tuple[float, ...] | None,
    std: tuple[float, ...] | None,
) -> Network:
    """Returns a chosen model as a network to explain.

    Args:
        chosen: the model.
        weights: what the user gave as its weights.
        categories: names of the classes that the user gave, or none.
        mean, std: normalisation that the user gave, or None.

    Raises:
        ModelError: the model is an ONNX file, which has no gradients.
    """
    if not isinstance(chosen.model, nn.Module):
        raise ModelError(f"{chosen.name!r} is an ONNX file, which has no gradients; give the torch model it came from")
    if weights is not None:
        source = "published weights" if weights.upper() == "DEFAULT" else f"weights of {Path(weights).name}"
        source += ", untrained gates" * (chosen.warning is not None)
    elif chosen.name.lower().endswith(".safetensors"):
        source = f"trained, read from {Path(chosen.name).name}"
    elif chosen.name.startswith(("torchvision:", "timm:")):
        source = "random weights, so that its maps mean nothing"
    else:
        source = "weights as its function made them" + ", untrained gates" * (chosen.warning is not None)
    known = chosen.preprocessing
    preprocessing = replace(known, size=None, mean=mean or known.mean, std=std or known.std)
    return Network(chosen.name, chosen.model, preprocessing, known.size, categories or chosen.categories, source)


def told_apart(networks: list[Network]) -> list[Network]:
    """Returns networks of one name with what tells them apart in it: their weights, or else their number."""
    names = [network.name for network in networks]
    if len(set(names)) == len(names):
        return networks
    weights = [network.weights for network in networks]
    marks = weights if len(set(weights)) == len(weights) else [str(number) for number in range(1, len(names) + 1)]
    return [replace(network, name=f"{network.name} ({mark})") for network, mark in zip(networks, marks, strict=True)]


def size_for(networks: list[Network], size: tuple[int, int] | None) -> tuple[int, int]:
    """Returns the size of the frames that all networks see.

    Raises:
        ExplanationError: two of them can only take different sizes.
    """
    fixed = {network.size: network.name for network in networks if network.size is not None}
    if size is not None:
        return size
    if len(fixed) > 1:
        wanted = " and ".join(f"{name} takes {each[0]}x{each[1]}" for each, name in fixed.items())
        raise ExplanationError(f"the networks see frames of different sizes: {wanted}; compare networks of one size")
    return next(iter(fixed), DEFAULT_SIZE)
