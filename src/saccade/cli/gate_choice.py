"""From what a user types after --gate to gates in a network."""

from __future__ import annotations

import ast
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from torch import nn

from saccade.errors import GateError, ModelError


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


def parse_gate(name: str | None, where: list[str] | None = None, options: list[str] | None = None) -> GateChoice | None:
    """Returns what --gate, --where and --option mean; None without a gate.

    Args:
        name: the gate's name.
        where: "stages", "blocks" and the like, or names or patterns of modules; where the gate's paper puts it by
            default.
        options: the gate's own, such as "alpha=0.1".

    Raises:
        GateError: an option is not of the form name=value.
    """
    if name is None:
        return None
    place = where[0] if where is not None and len(where) == 1 else tuple(where or ()) or None
    return GateChoice(name, place, parse_options(options or []))


def parse_options(words: list[str], flag: str = "--option", example: str = "alpha=0.1") -> dict[str, Any]:
    """Returns options from words such as alpha=0.1 or start=identity.

    Args:
        words: as typed.
        flag: after which, for messages.
        example: a good word, for messages.

    Raises:
        GateError: a word is not of the form name=value.
    """
    options: dict[str, Any] = {}
    for word in words:
        name, separator, text = word.partition("=")
        if not separator or not name.isidentifier():
            raise GateError(f"{flag} {word!r} is not NAME=VALUE, such as {example}")
        try:
            options[name] = ast.literal_eval(text)
        except (ValueError, SyntaxError):
            options[name] = text
    return options
