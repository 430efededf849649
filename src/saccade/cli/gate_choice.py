"""From what a user types after --gate to gates in a network."""

from __future__ import annotations

import ast
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import typer
from torch import nn

from saccade.errors import ModelError


@dataclass(frozen=True)
class GateChoice:
    """A gate and where it goes.

    Attributes:
        name: one of ``saccade.gates.list_gates(ablations=True)``.
        where: as ``saccade.gates.insert`` takes it; None for where the gate's paper puts it.
        options: the gate's own.
    """

    name: str
    where: str | tuple[str, ...] | None = None
    options: dict[str, Any] = field(default_factory=dict)

    def put_into(self, model: nn.Module | Path, weights: Path | None) -> str | None:
        """Puts the gates into a network, and loads weights into both.

        Args:
            model: the network, without gates.
            weights: a file for the backbone alone, or for the backbone and these gates; None leaves both as they are.

        Returns:
            A line that the user should read, or None.

        Raises:
            ModelError: the model is an ONNX file.
            RegistryError: there is no such gate.
            GateError: there is no such place or option.
            WeightsError: the weights are missing, unsafe or do not fit.
        """
        from saccade.gates import insert
        from saccade.models.weights import holds_gates, load_weights

        if not isinstance(model, nn.Module):
            raise ModelError(f"{str(model)!r} is an ONNX file, which takes no gates; give the torch model it came from")
        trained = weights is not None and holds_gates(weights)
        if weights is not None and not trained:
            load_weights(model, weights)
        insert(model, self.name, self.where, **self.options)
        if weights is not None and trained:
            load_weights(model, weights)
            return None
        return f"the gates ({self.name}) are untrained: give --weights FILE with backbone and gates for trained ones"


def parse_gates(
    first: str | None, second: str | None, where: str | None
) -> tuple[GateChoice | None, GateChoice | None]:
    """Returns two gates, each from "das" or "das:start=identity,alpha=0.1", or None from None.

    Args:
        first: a gate's name, and its options after a colon, with commas.
        second: another one, or None.
        where: "stages", "blocks" and the like, or names or patterns of modules with commas, for both.

    Raises:
        typer.BadParameter: an option is not of the form name=value, or there is a place and no gate.
    """
    if first is None and second is None and where is not None:
        raise typer.BadParameter("--where says where gates go; name one with --gate")
    places = tuple(place.strip() for place in where.split(",")) if where is not None else ()
    place = places[0] if len(places) == 1 else places or None
    return _gate(first, place), _gate(second, place)


def _gate(text: str | None, where: str | tuple[str, ...] | None) -> GateChoice | None:
    if text is None:
        return None
    name, _, rest = text.partition(":")
    options: dict[str, Any] = {}
    for part in filter(None, rest.split(",")):
        option, separator, value = part.partition("=")
        if not separator or not option.strip() or not value.strip():
            raise typer.BadParameter(f"{part!r} is no option of a gate; expected name=value, as in das:start=identity")
        options[option.strip()] = _value(value.strip())
    return GateChoice(name.strip(), where, options)


def _value(text: str) -> Any:
    """Returns a number, a truth value or None where the text is one, else the text."""
    words = {"true": True, "false": False, "none": None}
    if text.lower() in words:
        return words[text.lower()]
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text
