"""The windows of an input, one place of the output after the other."""

from __future__ import annotations

from collections.abc import Iterator

import torch

from saccade.graph import Pair


def windows(
    padded: torch.Tensor, kernel: Pair, stride: Pair, dilation: Pair, active: torch.Tensor
) -> Iterator[tuple[int, int, int, torch.Tensor]]:
    """Yields what each active place of an output reads.

    Args:
        padded: the input with its padding, (N, C, H, W).
        kernel: height and width of a window.
        stride: rows and columns from one window to the next.
        dilation: rows and columns from one value of a window to the next.
        active: (N, H_out, W_out), boolean, the places of the output to visit.

    Yields:
        The image, the row and the column of a place, and its window (C, kernel height, kernel width), a view.
    """
    (height, width), (down, across), (every_row, every_column) = kernel, stride, dilation
    tall, wide = (height - 1) * every_row + 1, (width - 1) * every_column + 1
    for image, row, column in active.nonzero().tolist():
        top, left = row * down, column * across
        yield image, row, column, padded[image, :, top : top + tall : every_row, left : left + wide : every_column]
