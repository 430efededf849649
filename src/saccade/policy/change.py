"""How much a frame differs from the reference, cell by cell."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt
import torch

CELL = 8
"""Side of a cell in pixels: a block of a codec."""
PART = 4
"""Side in cells of the parts of a picture of which the liveliest is told."""
ROW_STEP = 4
"""One row of pixels in so many is looked at: to hold a frame is hardly more work than to read it, and two rows of a
cell tell nearly as much as eight."""


class CellChange(Protocol):
    """The change from a reference to a frame.

    Cells are 8 x 8 pixels, of which the first and the fifth row count; the last row and column of cells are cut off at
    the frame's edge.

    Attributes:
        mean: over the cells, of the root mean square difference, in the frame's units.
        largest: the same over one part of 4 x 4 cells, where it is largest.
        squares: the mean squared difference of each cell, (N, rows, columns), float32: means over the channels, in the
            frame's units squared.
        steps: the squared difference of each cell's means, likewise: how much brighter, darker or otherwise coloured it
            is. Noise hardly enters, as it averages out over a cell.
    """

    @property
    def mean(self) -> float: ...

    @property
    def largest(self) -> float: ...

    @property
    def squares(self) -> npt.NDArray[np.float32]: ...

    @property
    def steps(self) -> npt.NDArray[np.float32]: ...

    def stepped(self, step: float) -> float:
        """Returns the share of the cells, 0..1, whose means differ by more than ``step``, in the frame's units."""
        ...


@dataclass(frozen=True, eq=False)
class ComparedCells:
    """A ``CellChange`` in plain NumPy."""

    mean: float
    largest: float
    squares: npt.NDArray[np.float32]
    steps: npt.NDArray[np.float32]

    def stepped(self, step: float) -> float:
        """See ``CellChange``."""
        return float((self.steps > step**2).mean())


def as_pictures(frame: torch.Tensor) -> torch.Tensor:
    """Returns (N, C, H, W); a tensor of other dimensions as one row of values for each image."""
    return frame if frame.dim() == 4 else frame.reshape(frame.shape[0] if frame.dim() else 1, 1, 1, -1)


def compare_cells(frame: torch.Tensor, reference: torch.Tensor) -> ComparedCells:
    """Compares two frames in plain torch: the definition of what the native kernel computes.

    Args:
        frame: (N, C, H, W).
        reference: of the same shape.
    """
    frame, reference = as_pictures(frame).float(), as_pictures(reference).float()
    difference = frame - reference
    squares = _cell_means(difference.square()).mean(1)
    roots = squares.sqrt()
    parts = torch.nn.functional.avg_pool2d(roots[:, None], PART, ceil_mode=True, count_include_pad=False)
    steps = _cell_means(difference).square().mean(1)
    return ComparedCells(float(roots.mean()), float(parts.max()), squares.numpy(), steps.numpy())


def _cell_means(values: torch.Tensor) -> torch.Tensor:
    rows = values[..., ::ROW_STEP, :]
    return torch.nn.functional.avg_pool2d(rows, (CELL // ROW_STEP, CELL), ceil_mode=True, count_include_pad=False)
