"""How a gate sits in a network: the module that it is attached to becomes a gated subclass of its own class.

The module keeps its name, its parameters and everything that may be asked of it, so no key of the network's state dict
changes; the gate is one more module inside it, under the name ``attention_gate``. Its forward calls the gate after (or
before) its own. There are no hooks and no wrappers, so copies, pickles, exports, compiled and parallel versions of the
network are gated as the network is.
"""

from __future__ import annotations

import copyreg
import threading
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn

from saccade.errors import GateError

ATTRIBUTE = "attention_gate"
"""The name of the gate in the module that it is attached to."""

RELAY = "attention_relay"


class Relay:
    """Carries the outputs of a stage's earlier blocks to the gate in its last block, within one call of the network.

    It is empty between calls, and two threads that run the same network do not meet in it.
    """

    def __init__(self) -> None:
        self._outputs: dict[int, list[Tensor]] = {}

    def begin(self, output: Tensor) -> None:
        """Keeps the output of a stage's first block, and forgets what a call that failed has left."""
        self._outputs[self._caller()] = [output]

    def add(self, output: Tensor) -> None:
        """Keeps the output of a further block."""
        self._outputs[self._caller()].append(output)

    def take(self) -> list[Tensor]:
        """Returns what was kept, oldest first, and forgets it."""
        return self._outputs.pop(self._caller(), [])

    def __getstate__(self) -> dict[str, Any]:
        return {"_outputs": {}}

    def _caller(self) -> int:
        return 0 if torch.compiler.is_compiling() else threading.get_ident()


class Attached(nn.Module):
    """A module that a gate or a relay is attached to. ``original_class`` is what it was before."""

    original_class: type[nn.Module]
    attention_gate: nn.Module
    attention_relay: Relay

    def __reduce_ex__(self, protocol: Any) -> Any:
        # The class is made at run time, so that a pickle (or a copy) has to make it again from the original one.
        reduced: Any = super().__reduce_ex__(protocol)
        made, _arguments, *rest = reduced
        if made is not copyreg.__newobj__:  # type: ignore[attr-defined]
            raise GateError(f"{self.original_class.__name__} has a way of its own to be copied and cannot be gated")
        kind = type(self).__mro__[1]
        return _new, (kind, self.original_class), *rest


class GatedAfter(Attached):
    """The gate takes what the module returns."""

    def forward(self, *arguments: Any, **keywords: Any) -> Any:
        """Returns the gated output of the module, (N, C, H, W)."""
        return self.attention_gate(super().forward(*arguments, **keywords))


class GatedDictionary(GatedAfter):
    """The same of a dictionary of modules, whose forward may run all that it holds, but not the gate."""

    def keys(self) -> list[str]:
        """Returns the names of the modules but the gate."""
        return [name for name in self._modules if name != ATTRIBUTE]

    def values(self) -> list[nn.Module]:
        """Returns the modules but the gate."""
        return [module for _, module in self.items()]

    def items(self) -> list[tuple[str, nn.Module]]:
        """Returns names and modules but the gate."""
        return [(name, self.get_submodule(name)) for name in self.keys()]

    def __iter__(self) -> Iterator[str]:
        return iter(self.keys())

    def __len__(self) -> int:
        return len(self.keys())


class GatedBefore(Attached):
    """The gate takes what the module takes first."""

    def forward(self, features: Tensor, *arguments: Any, **keywords: Any) -> Any:
        """Returns the module's output on gated features."""
        return super().forward(self.attention_gate(features), *arguments, **keywords)


class GatedWithEarlier(Attached):
    """The gate takes what the module returns and what earlier blocks returned."""

    def forward(self, *arguments: Any, **keywords: Any) -> Any:
        """Returns the gated output of the module, (N, C, H, W)."""
        output = super().forward(*arguments, **keywords)
        return self.attention_gate(output, self.attention_relay.take())


class RelayFirst(Attached):
    """A stage's first block, whose output a gate further on takes."""

    def forward(self, *arguments: Any, **keywords: Any) -> Any:
        """Returns the module's own output."""
        output = super().forward(*arguments, **keywords)
        self.attention_relay.begin(output)
        return output


class RelayNext(Attached):
    """A further block, whose output a gate further on takes."""

    def forward(self, *arguments: Any, **keywords: Any) -> Any:
        """Returns the module's own output."""
        output = super().forward(*arguments, **keywords)
        self.attention_relay.add(output)
        return output


KINDS = (GatedAfter, GatedDictionary, GatedBefore, GatedWithEarlier, RelayFirst, RelayNext)
"""The ways of being attached."""


_classes: dict[tuple[type[Attached], type[nn.Module]], type[Attached]] = {}


def _attached_class(kind: type[Attached], original: type[nn.Module]) -> type[Attached]:
    """Returns the class of modules of a class with a gate, the same one each time."""
    if (kind, original) in _classes:
        return _classes[kind, original]
    name = f"Gated{original.__name__}" if kind not in (RelayFirst, RelayNext) else original.__name__
    made = type(name, (kind, original), {"original_class": original, "__module__": __name__})
    return _classes.setdefault((kind, original), made)


def _new(kind: type[Attached], original: type[nn.Module]) -> Attached:
    attached = _attached_class(kind, original)
    return attached.__new__(attached)


def check_attachable(module: nn.Module, name: str) -> None:
    """Raises GateError where a module cannot be gated."""
    if isinstance(module, Attached):
        raise GateError(f"{name!r} is gated already; remove its gate first, or name another place")
    if hasattr(module, ATTRIBUTE) or hasattr(module, RELAY):
        raise GateError(f"{name!r} has an attribute {ATTRIBUTE!r} of its own and cannot be gated; name another place")
    if "forward" in vars(module) or isinstance(module, torch.jit.ScriptModule):
        raise GateError(f"the forward of {name!r} is not its class's and cannot be gated; name another place")


def attach(module: nn.Module, kind: type[Attached], gate: nn.Module | None, relay: Relay | None = None) -> None:
    """Makes a module a gated one, in place.

    Args:
        module: what ``check_attachable`` lets pass.
        kind: one of ``KINDS``.
        gate: the gate, for the three kinds with one.
        relay: shared by the blocks of a stage, for the kinds with one.
    """
    module.__class__ = _attached_class(kind, type(module))
    if gate is not None:
        module.add_module(ATTRIBUTE, gate)
    if relay is not None:
        setattr(module, RELAY, relay)


def detach(module: Attached) -> None:
    """Makes a gated module what it was before, in place."""
    module._modules.pop(ATTRIBUTE, None)
    vars(module).pop(RELAY, None)
    original: Any = module.original_class
    module.__class__ = original
