"""How far one runtime's outputs are from another's."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor


def relative_error(outputs: Sequence[Tensor], reference: Sequence[Tensor]) -> float:
    """Returns the largest relative L2 error among the outputs.

    Args:
        outputs: what to judge.
        reference: what is right, in the same order.

    Returns:
        The largest of norm(output - reference) / norm(reference); infinity where number or shapes differ or a value
        is NaN in one and not in the other.
    """
    if [output.shape for output in outputs] != [right.shape for right in reference]:
        return math.inf
    return max((_relative(output, right) for output, right in zip(outputs, reference, strict=True)), default=0.0)


def _relative(output: Tensor, right: Tensor) -> float:
    output, right = output.double(), right.double()
    if torch.equal(output.nan_to_num(), right.nan_to_num()) and torch.equal(output.isnan(), right.isnan()):
        return 0.0
    distance, size = float((output - right).norm()), float(right.norm())
    if not math.isfinite(distance) or size == 0.0:
        return math.inf
    return distance / size


def identical(outputs: Sequence[Tensor], reference: Sequence[Tensor]) -> bool:
    """Returns whether the outputs have the same shapes, types and values; a NaN equals a NaN."""
    if len(outputs) != len(reference):
        return False
    return all(_identical(output, right) for output, right in zip(outputs, reference, strict=True))


def _identical(output: Tensor, right: Tensor) -> bool:
    if output.shape != right.shape or output.dtype != right.dtype:
        return False
    return bool(torch.all((output == right) | (output.isnan() & right.isnan())))
