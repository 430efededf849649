"""How far one set of outputs is from another, in numbers and without regard to what they mean."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields, is_dataclass
from typing import Any

import torch
from torch import Tensor


def relative_error(outputs: Sequence[Tensor], reference: Sequence[Tensor]) -> float:
    """Returns the largest relative L2 error among the outputs.

    Args:
        outputs: what to judge.
        reference: what is right, in the same order.

    Returns:
        The largest of norm(output - reference) / norm(reference); infinity where number or shapes differ or a value
        is NaN in one and not in the other. Of a reference that is all zeros, 0 for an equal output and infinity for
        any other.
    """
    if [output.shape for output in outputs] != [right.shape for right in reference]:
        return math.inf
    return max((_relative(output, right) for output, right in zip(outputs, reference, strict=True)), default=0.0)


def relative_errors(outputs: Any, reference: Any) -> dict[str, float]:
    """Returns the relative L2 error of each output, by its name; see ``relative_error`` and ``named_tensors``.

    Args:
        outputs: tensors, nested as ``named_tensors`` reads them.
        reference: what is right, in the same structure.

    Returns:
        One number of 0 or more for each name in either; infinity for one that only one of the two has.
    """
    given, right = dict(named_tensors(outputs)), dict(named_tensors(reference))
    return {
        name: relative_error([given[name]], [right[name]]) if name in given and name in right else math.inf
        for name in {**right, **given}
    }


def identical(outputs: Sequence[Tensor], reference: Sequence[Tensor]) -> bool:
    """Returns whether the outputs have the same shapes, types and values; a NaN equals a NaN."""
    if len(outputs) != len(reference):
        return False
    return all(_identical(output, right) for output, right in zip(outputs, reference, strict=True))


def named_tensors(outputs: Any, name: str = "") -> Iterator[tuple[str, Tensor]]:
    """Yields every tensor of a model's outputs with its place in them, such as "boxes.0"; "" for a lone tensor.

    Args:
        outputs: a tensor, or tensors nested in tuples, lists, dictionaries and dataclasses; all else is passed over.
        name: of the place where ``outputs`` lies.
    """
    dot = "." if name else ""
    if isinstance(outputs, Tensor):
        yield name, outputs.detach()
    elif isinstance(outputs, Mapping):
        for key, inner in outputs.items():
            yield from named_tensors(inner, f"{name}{dot}{key}")
    elif isinstance(outputs, (list, tuple)):
        for index, inner in enumerate(outputs):
            yield from named_tensors(inner, f"{name}{dot}{index}")
    elif is_dataclass(outputs) and not isinstance(outputs, type):
        for entry in fields(outputs):
            yield from named_tensors(getattr(outputs, entry.name), f"{name}{dot}{entry.name}")


def described(outputs: Any) -> str:
    """Returns the shapes of a model's outputs in words, for messages, and the types of those that are no floats."""
    shapes = [
        f"{name or 'a tensor'} {tuple(tensor.shape)}" + ("" if tensor.is_floating_point() else f" of {tensor.dtype}")
        for name, tensor in named_tensors(outputs)
    ]
    shown = shapes[:6] + [f"and {len(shapes) - 6} more"] * (len(shapes) > 6)
    return ", ".join(shown) if shown else f"no tensor but a {type(outputs).__name__}"


def _relative(output: Tensor, right: Tensor) -> float:
    output, right = as_real(output).double(), as_real(right).double()
    if torch.equal(output.nan_to_num(), right.nan_to_num()) and torch.equal(output.isnan(), right.isnan()):
        return 0.0
    distance, size = float((output - right).norm()), float(right.norm())
    if not math.isfinite(distance) or size == 0.0:
        return math.inf
    return distance / size


def as_real(tensor: Tensor) -> Tensor:
    """Returns of complex numbers their real and imaginary parts along a further dimension; others unchanged."""
    return torch.view_as_real(tensor.resolve_conj()) if tensor.is_complex() else tensor


def _identical(output: Tensor, right: Tensor) -> bool:
    if output.shape != right.shape or output.dtype != right.dtype:
        return False
    return bool(torch.all((output == right) | (output.isnan() & right.isnan())))
