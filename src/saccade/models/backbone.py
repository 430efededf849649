"""Backbones by name: torchvision's and timm's, with random or published weights."""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Iterable
from typing import Any

from torch import nn

from saccade.errors import MissingPackageError, ModelError, UnknownModelError, WeightsError

CLASSES = 1000
"""Classes of ImageNet-1k, which the published classifiers tell apart."""


def build(name: str, pretrained: bool = False, classes: int = CLASSES) -> nn.Module:
    """Builds a classifier.

    Args:
        name: "torchvision:NAME", "timm:NAME", or NAME alone, which is torchvision's where torchvision has it.
        pretrained: with the published weights, which are downloaded once.
        classes: number of classes. Where it is not that of the published weights, the last layer keeps its random
            start and all others get theirs.

    Raises:
        UnknownModelError: there is no such model; close names are given.
        WeightsError: the published weights cannot be had.
        ModelError: the library cannot build the model so.
        MissingPackageError: timm is asked for and not installed.
    """
    library, separator, rest = name.partition(":")
    if separator and library not in ("torchvision", "timm"):
        raise UnknownModelError(f"unknown model {name!r}; expected torchvision:NAME, timm:NAME or NAME alone")
    if not separator:
        import torchvision

        library, rest = ("torchvision" if name in torchvision.models.list_models() else "timm"), name
    if library == "timm":
        return timm_model(rest, pretrained, separator == "", num_classes=classes)
    return _torchvision_classifier(rest, pretrained, classes)


def torchvision_model(name: str, pretrained: bool = False, **options: Any) -> nn.Module:
    """Builds one of torchvision's models.

    Args:
        name: one of ``torchvision.models.list_models()``.
        pretrained: with the published weights.
        **options: the builder's own.

    Raises:
        UnknownModelError: there is no such model.
        WeightsError: the published weights cannot be had.
    """
    import torchvision

    known = torchvision.models.list_models()
    if name not in known:
        raise UnknownModelError(f"torchvision has no model {name!r}{close(name, known)}; see torchvision.models")
    options["weights"] = "DEFAULT" if pretrained else None
    builder = inspect.signature(torchvision.models.get_model_builder(name)).parameters
    if "weights_backbone" in builder and not pretrained:
        options["weights_backbone"] = None
    if name in ("googlenet", "inception_v3") and not pretrained:
        options["init_weights"] = False
    try:
        model: nn.Module = torchvision.models.get_model(name, **options)
    except (OSError, RuntimeError) as error:
        raise WeightsError(
            f"cannot get the published weights of torchvision:{name}: {error}; download them and give the file"
        ) from error
    return model


def timm_model(name: str, pretrained: bool = False, also_torchvision: bool = False, **options: Any) -> nn.Module:
    """Builds one of timm's models.

    Args:
        name: one of ``timm.list_models()``.
        pretrained: with the published weights.
        also_torchvision: whether the message about an unknown name speaks of torchvision as well.
        **options: the builder's own.

    Raises:
        UnknownModelError: there is no such model.
        WeightsError: the published weights cannot be had.
        ModelError: timm cannot build it.
        MissingPackageError: timm is not installed.
    """
    try:
        import timm
    except ImportError as error:
        raise MissingPackageError(f"timm:{name} needs timm, which is not installed; run: pip install timm") from error
    if not timm.is_model(name):
        known = timm.list_models()
        where, see = "timm has", "timm.list_models()"
        if also_torchvision:
            import torchvision

            known = [*torchvision.models.list_models(), *known]
            where, see = "torchvision and timm have", "torchvision.models and timm.list_models()"
        raise UnknownModelError(f"{where} no model {name!r}{close(name, known)}; see {see}")
    try:
        model: nn.Module = timm.create_model(name, pretrained=pretrained, **options)
    except Exception as error:
        if pretrained:
            raise WeightsError(
                f"cannot get the published weights of timm:{name}: {error}; download them and give the file"
            ) from error
        raise ModelError(f"timm cannot build {name!r}: {error}") from error
    return model


def close(name: str, known: Iterable[str]) -> str:
    """Returns a hint that names what is spelled nearly the same, or an empty string."""
    near = difflib.get_close_matches(name, list(dict.fromkeys(known)), n=3)
    return f"; did you mean {' or '.join(map(repr, near))}?" if near else ""


def _torchvision_classifier(name: str, pretrained: bool, classes: int) -> nn.Module:
    if not pretrained or classes == CLASSES:
        return torchvision_model(name, pretrained, num_classes=classes)
    published = torchvision_model(name, True).state_dict()
    model = torchvision_model(name, False, num_classes=classes)
    own = model.state_dict()
    model.load_state_dict(
        {key: value for key, value in published.items() if value.shape == own[key].shape}, strict=False
    )
    return model
