"""How torch sees what a graph stores."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch


@dataclass(frozen=True)
class Layout:
    """How torch sees a value that the graph holds as (N, C, H, W) or in another shape.

    ``tensor.reshape(atoms).permute(permutation).reshape(shape)`` gives torch's view.

    Attributes:
        atoms: the stored tensor's axes, split as finely as the views need.
        permutation: the order of the atoms in torch's view.
        shape: torch's shape.
    """

    atoms: tuple[int, ...]
    permutation: tuple[int, ...]
    shape: tuple[int, ...]

    @property
    def reorders(self) -> bool:
        """Whether torch sees the values in another order than they are stored in."""
        return self.permutation != tuple(range(len(self.permutation)))

    def ends_in_channels(self, stored: tuple[int, ...]) -> bool:
        """Whether torch sees neighbouring channels of a tensor stored as (N, C, H, W) side by side."""
        return self.reorders and math.prod(self.atoms[self.permutation[-1] + 1 :]) == stored[2] * stored[3]

    def apply(self, tensor: torch.Tensor) -> torch.Tensor:
        """Returns the stored ``tensor`` as torch sees it."""
        if not self.reorders:
            return tensor.reshape(self.shape)
        return tensor.reshape(self.atoms).permute(self.permutation).reshape(self.shape)


@dataclass(frozen=True)
class Reference:
    """A place in a fallback's arguments, or in the outputs' tree, where a graph's tensor goes.

    Attributes:
        tensor: the tensor's name.
        layout: how torch sees it; None where it is stored in torch's own shape.
    """

    tensor: str
    layout: Layout | None = None
