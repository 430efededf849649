"""A gated backbone in one line."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from torch import nn

from saccade.errors import GateError
from saccade.gates import Placement, gate_class, insert
from saccade.models.backbone import CLASSES, build
from saccade.models.weights import holds_gates, load_weights


def create(
    name: str,
    gate: str | None = None,
    where: str | Placement | Sequence[str] | None = None,
    *,
    pretrained: bool | str | Path = False,
    classes: int = CLASSES,
    **options: Any,
) -> nn.Module:
    """Builds a classifier with gates in it.

    The backbone is torchvision's or timm's own, with its own names in the state dict; its weights are loaded before
    the gates come in, strictly, and the gates start as their options say, unless the file holds theirs as well.

    Args:
        name: "resnet50" and the like, torchvision's where torchvision has it, else timm's; or "torchvision:NAME" or
            "timm:NAME".
        gate: a name in ``saccade.gates.list_gates(ablations=True)``; None for the bare backbone.
        where: as for ``saccade.gates.insert``: "stages", "blocks", "branches", names or patterns of modules, a
            ``Placement``; None for where the gate's paper puts it.
        pretrained: True for the published weights, which are downloaded once; a path for a .safetensors, .pt, .pth or
            .th file with exactly the backbone's keys, or with those of the gated network. A last layer for another
            number of classes keeps its random start.
        classes: number of classes, at least 1.
        **options: the gate's own.

    Returns:
        The model in training mode, taking images (N, 3, H, W).

    Raises:
        UnknownModelError: there is no such backbone.
        RegistryError: there is no such gate.
        GateError: there is no such place, or the gate has no such option.
        WeightsError: the weights are missing or do not fit.

    Example:
        model = saccade.models.create("resnet50", gate="das", where="stages", pretrained=True, start="identity")
    """
    if gate is None and (options or where is not None):
        given = ", ".join([*options, *(["where"] if where is not None else [])])
        raise GateError(f"{given} given without a gate; name one with gate=, see saccade.gates.list_gates()")
    if gate is not None:
        gate_class(gate)
    model = build(name, pretrained is True, classes)
    weights = None if isinstance(pretrained, bool) else Path(pretrained)
    return gated(model, gate, where, classes=classes, weights=weights, **options)


def gated(
    model: nn.Module,
    gate: str | None,
    where: str | Placement | Sequence[str] | None = None,
    *,
    classes: int,
    weights: Path | None = None,
    **options: Any,
) -> nn.Module:
    """Loads a file of weights into a backbone and puts gates into it.

    Args:
        model: the backbone, without gates; changed in place.
        gate: a name in ``saccade.gates.list_gates(ablations=True)``; None for none.
        where: as for ``saccade.gates.insert``.
        classes: number of classes, for gates with a head of their own.
        weights: a file with the backbone's keys, or with those of the backbone and these gates. A last layer for
            another number of classes keeps its random start.
        **options: the gate's own, and those of ``saccade.gates.insert``.

    Raises:
        RegistryError: there is no such gate.
        GateError: there is no such place, or the gate has no such option.
        WeightsError: the weights are missing, unsafe or do not fit.
    """
    trained = weights is not None and holds_gates(weights)
    if weights is not None and not trained:
        load_weights(model, weights, fresh_head=True)
    if gate is not None:
        if gate_class(gate).placement.head and "classes" in inspect.signature(gate_class(gate)).parameters:
            options.setdefault("classes", classes)
        model = insert(model, gate, where, **options)
    if weights is not None and trained:
        load_weights(model, weights, fresh_head=True)
    return model
