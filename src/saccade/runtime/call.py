"""The form of call that a program was compiled for: which tensors, in which order, and beside what else."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
import torch.utils._pytree as pytree

from saccade.errors import FrameError


@dataclass(frozen=True, eq=False)
class CallForm:
    """A call's arguments, all of them given by their place.

    Attributes:
        names: the parameters' names, in order; there may be more than arguments.
        arguments: of the example call; of its tensors only the places count.
    """

    names: tuple[str, ...]
    arguments: tuple[Any, ...]

    @classmethod
    def of(cls, names: Sequence[str], arguments: tuple[Any, ...]) -> CallForm:
        """Returns the form of an example call, without its tensors' values."""
        return cls(tuple(names), pytree.tree_map_only(torch.Tensor, lambda tensor: tensor.to("meta"), arguments))

    @cached_property
    def is_one_tensor(self) -> bool:
        """Whether the call has one argument, which is a tensor."""
        return len(self.arguments) == 1 and isinstance(self.arguments[0], torch.Tensor)

    def tensors(self, arguments: tuple[Any, ...], keywords: dict[str, Any]) -> Sequence[torch.Tensor]:
        """Returns the tensors of a call in the example's order.

        Args:
            arguments: given by place.
            keywords: given by name, in any order.

        Raises:
            FrameError: when the call is of another form, or anything in it but the tensors is not what it was.
        """
        given = in_order(self.names[: len(self.arguments)], arguments, keywords) if keywords else arguments
        if given is None:
            raise self._misfit(arguments, keywords)
        leaves, tree = pytree.tree_flatten(given)
        expected, expected_tree = pytree.tree_flatten(self.arguments)
        if tree != expected_tree or not all(map(_alike, leaves, expected)):
            raise self._misfit(arguments, keywords)
        return [leaf for leaf in leaves if isinstance(leaf, torch.Tensor)]

    def _misfit(self, arguments: tuple[Any, ...], keywords: dict[str, Any]) -> FrameError:
        names = self.names[: len(self.arguments)]
        expected = ", ".join(f"{name}={_shown(value)}" for name, value in zip(names, self.arguments, strict=False))
        given = ", ".join([*map(_shown, arguments), *(f"{name}={_shown(value)}" for name, value in keywords.items())])
        return FrameError(
            f"({given}) was given; this program was compiled for ({expected}): give the same, compile another, or use "
            "saccade.incremental, which adapts"
        )


def in_order(names: Sequence[str], arguments: tuple[Any, ...], keywords: dict[str, Any]) -> tuple[Any, ...] | None:
    """Returns arguments given by place and by name in the order of ``names``; None unless each is given once."""
    left = names[len(arguments) :]
    return (*arguments, *(keywords[name] for name in left)) if set(keywords) == set(left) else None


def parameter_names(model: torch.nn.Module) -> Sequence[str]:
    """Returns the names of what a module's forward takes by place."""
    parameters = inspect.signature(model.forward).parameters.values()
    return [one.name for one in parameters if one.kind is one.POSITIONAL_OR_KEYWORD]


def _alike(given: Any, expected: Any) -> bool:
    if isinstance(expected, torch.Tensor):
        return isinstance(given, torch.Tensor)
    return type(given) is type(expected) and bool(given == expected)


def _shown(value: Any) -> str:
    if isinstance(value, list | tuple):
        return f"a {type(value).__name__} of {', '.join(map(_shown, value)) or 'nothing'}"
    if isinstance(value, dict):
        return f"a dict of {', '.join(f'{key}: {_shown(inner)}' for key, inner in value.items()) or 'nothing'}"
    if hasattr(value, "shape") and hasattr(value, "dtype"):
        return f"a {'tensor' if isinstance(value, torch.Tensor) else type(value).__name__} {tuple(value.shape)}"
    return repr(value)
