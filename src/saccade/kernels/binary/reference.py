"""A function of two tensors, element by element."""

from __future__ import annotations

from collections.abc import Callable

import torch

from saccade.graph import Binary

FUNCTIONS: dict[str, Callable[[torch.Tensor, torch.Tensor], torch.Tensor]] = {
    "add": torch.add,
    "subtract": torch.sub,
    "multiply": torch.mul,
    "divide": torch.div,
    "maximum": torch.maximum,
    "minimum": torch.minimum,
}
"""The functions of saccade.graph.BINARY_FUNCTIONS."""


def reference(operator: Binary, left: torch.Tensor, right: torch.Tensor, *, shape: tuple[int, ...]) -> torch.Tensor:
    """Returns the function of ``left`` and ``right``, whose N, C, H, W broadcast to ``shape``."""
    return FUNCTIONS[operator.function](left, right)
