"""The table of lowerings and the rule that applies it: fold, lower, or fall back to torch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import torch
import torch.utils._pytree as pytree

from saccade.capture.builder import GraphBuilder, NotNative, is_value
from saccade.capture.layout import Value
from saccade.graph import Registry, torch_operator

Lowering = Callable[..., Any]
"""Takes the builder and then the ATen operator's own arguments, Values in the tensors' places; returns its results."""

AnyLowering = TypeVar("AnyLowering", bound=Lowering)

LOWERINGS: Registry[Lowering] = Registry("ATen lowering")

SHAPE_ONLY = frozenset(
    f"aten.{name}.default" for name in ("new_zeros", "new_ones", "new_full", "zeros_like", "ones_like", "full_like")
)
"""Operators that read nothing of their tensor but its shape and dtype."""


def lowers(*targets: str) -> Callable[[AnyLowering], AnyLowering]:
    """Returns a decorator that registers a lowering for each of the ATen overloads ``targets``."""

    def add(lowering: AnyLowering) -> AnyLowering:
        for target in targets:
            LOWERINGS.register(target)(lowering)
        return lowering

    return add


def meta_results(target: str, arguments: Sequence[Any], keywords: dict[str, Any]) -> Any:
    """Returns the results' shapes and dtypes as tensors on the meta device."""

    def on_meta(leaf: Any) -> Any:
        if isinstance(leaf, Value):
            return torch.empty(leaf.shape, dtype=leaf.dtype, device="meta")
        return leaf.to("meta") if isinstance(leaf, torch.Tensor) else leaf

    arguments, keywords = pytree.tree_map(on_meta, (list(arguments), keywords), is_leaf=is_value)
    return torch_operator(target)(*arguments, **keywords)


def lower(
    builder: GraphBuilder,
    target: str,
    arguments: Sequence[Any],
    keywords: dict[str, Any] | None = None,
    results: Callable[[], Any] | None = None,
) -> Any:
    """Brings one ATen call into the graph.

    Args:
        builder: receives the operators.
        target: the ATen overload's full name.
        arguments: positional arguments: Values, constant tensors and plain objects.
        keywords: keyword arguments, likewise.
        results: returns the results' shapes and dtypes as fake tensors; by default torch is asked.

    Returns:
        The call's results, Values where they depend on the graph's inputs and constant tensors where they do not.
    """
    keywords = keywords or {}
    leaves, _ = pytree.tree_flatten((list(arguments), keywords), is_leaf=is_value)
    if target in SHAPE_ONLY:
        arguments = [torch.empty(arguments[0].shape, dtype=arguments[0].dtype), *arguments[1:]]
    elif any(isinstance(leaf, Value) for leaf in leaves) or is_random(target):
        return _lower_or_fall_back(builder, target, arguments, keywords, results)
    with torch.no_grad():
        return torch_operator(target)(*arguments, **keywords)


def _lower_or_fall_back(
    builder: GraphBuilder,
    target: str,
    arguments: Sequence[Any],
    keywords: dict[str, Any],
    results: Callable[[], Any] | None,
) -> Any:
    reason = f"{target.split('.')[1]} has no native kernel"
    if target in LOWERINGS:
        try:
            return LOWERINGS.get(target)(builder, *arguments, **keywords)
        except NotNative as unsupported:
            reason = str(unsupported)
    expected = meta_results(target, arguments, keywords) if results is None else results()
    return builder.fallback(target, arguments, keywords, expected, reason)


def is_random(target: str) -> bool:
    """Tells whether an operator draws random numbers, so that it must not be folded."""
    return torch.Tag.nondeterministic_seeded in getattr(torch_operator(target), "tags", ())
