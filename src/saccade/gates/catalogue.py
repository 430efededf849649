"""The gates by name."""

from __future__ import annotations

import inspect
from typing import Any

from saccade.errors import GateError
from saccade.gates.gate import Gate
from saccade.graph import Registry

gates: Registry[type[Gate]] = Registry("gate")
"""The published gates."""

ablations: Registry[type[Gate]] = Registry("ablation")
"""The variants of DAS that its paper takes apart (Table 4), "das_a" to "das_h"; "das" itself is variant c."""


def create(name: str, channels: int, **options: Any) -> Gate:
    """Makes a gate.

    Args:
        name: one of ``list_gates(ablations=True)``.
        channels: C of the features, at least 1.
        **options: the named arguments of the gate's class, by default the published configuration.

    Raises:
        RegistryError: no gate of that name; the message lists the known ones.
        GateError: ``channels`` is below 1, an option is unknown or its value is out of range.
    """
    gate = gate_class(name)
    known = [parameter for parameter in inspect.signature(gate).parameters if parameter != "channels"]
    for option in options:
        if option not in known:
            raise GateError(f"gate {name!r} has no option {option!r}; known: {', '.join(known) or 'none'}")
    return gate(channels, **options)


def gate_class(name: str) -> type[Gate]:
    """Returns the class of that name, whose ``placement`` says where it goes.

    Raises:
        RegistryError: no gate of that name; the message lists the known ones.
    """
    return ablations.get(name) if name in ablations else gates.get(name)


def list_gates(ablations: bool = False) -> list[str]:
    """Returns the names of all gates, sorted.

    Args:
        ablations: with the variants of DAS from its Table 4.
    """
    return sorted([*gates.names(), *(_ablation_names() if ablations else [])])


def _ablation_names() -> list[str]:
    return ablations.names()
