"""What a stream answered, kept to be compared with what it answers next."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import torch

from saccade.agreement import as_real
from saccade.runtime.comparison import all_finite, take_over

MOST_VALUES = 1 << 18
"""Values of an output that are compared at most. Of larger ones runs are drawn at random: a regular choice can fall
into step with the map's width, and was off by up to a half."""
RUN = 64


@dataclass
class Answers:
    """A copy of outputs.

    Attributes:
        values: of each output in its shape, or some of them, (runs, 64); contiguous float32. Complex numbers have two
            each, whole numbers and truths are taken as numbers.
    """

    values: list[torch.Tensor] = field(default_factory=list)

    @classmethod
    def of(cls, outputs: Any) -> Answers:
        """Returns a copy of a network's outputs, however nested."""
        return cls([_copy(values) for values in _values(outputs)])

    def take_over(self, outputs: Any) -> float:
        """Follows newer outputs; returns how far those before are from them.

        That is the relative L2 difference, the largest of the outputs; not a number where there is nothing to compare.
        """
        values = _values(outputs)
        if [value.shape for value in values] != [copy.shape for copy in self.values]:
            self.values = Answers.of(outputs).values
            return math.nan
        return _relative(take_over(copy, value) for copy, value in zip(self.values, values, strict=True))

    def difference(self, right: Answers) -> float:
        """Returns the relative L2 difference from what is right, likewise."""
        pairs = zip(self.values, right.values, strict=False)
        return _relative(take_over(value.clone(), other) for value, other in pairs)


def are_finite(outputs: Any) -> bool:
    """Whether every value of a network's outputs is a finite number."""
    return all(
        all_finite(_real(tensor)) for tensor in _tensors(outputs) if tensor.is_floating_point() or tensor.is_complex()
    )


def _values(outputs: Any) -> list[torch.Tensor]:
    return [_some(_real(tensor)) for tensor in _tensors(outputs)]


def _real(tensor: torch.Tensor) -> torch.Tensor:
    if tensor.is_floating_point():
        return tensor
    return as_real(tensor) if tensor.is_complex() else tensor.float()


def _tensors(outputs: Any) -> Iterator[torch.Tensor]:
    """Yields the tensors of nested outputs. Of the usual structures by itself, as PyTorch's trees take their time."""
    if isinstance(outputs, torch.Tensor):
        yield outputs
    elif type(outputs) in (tuple, list):
        for part in outputs:
            yield from _tensors(part)
    else:
        yield from (leaf for leaf in torch.utils._pytree.tree_leaves(outputs) if isinstance(leaf, torch.Tensor))


def _some(tensor: torch.Tensor) -> torch.Tensor:
    if tensor.numel() <= MOST_VALUES:
        return tensor
    runs = tensor.numel() // RUN
    return tensor.reshape(-1)[: runs * RUN].view(runs, RUN)[_chosen(runs, MOST_VALUES // RUN)]


def _copy(values: torch.Tensor) -> torch.Tensor:
    return values.detach().to(torch.float32, copy=True, memory_format=torch.contiguous_format)


@lru_cache(maxsize=8)
def _chosen(runs: int, wanted: int) -> torch.Tensor:
    return torch.randperm(runs, generator=torch.Generator().manual_seed(0))[:wanted].sort().values


def _relative(squared_norms: Iterable[tuple[float, float]]) -> float:
    """Returns the largest of the roots of quotients that are finite; NaN where there is none."""
    quotients = [difference / norm for difference, norm in squared_norms if norm > 0]
    return max((math.sqrt(quotient) for quotient in quotients if math.isfinite(quotient)), default=math.nan)
