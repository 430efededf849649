"""Made-up change maps in which every operator has the same share of active places, for benchmarks."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from saccade.runtime.program import Program

BLOBS = 12
"""Cells of the random field along the longer side: blobs are about a twelfth of the frame wide."""


def activity_maps(program: Program, share: float, seed: int) -> dict[tuple[int, int], torch.Tensor]:
    """Returns for each map size of the program the places where one smooth random field is highest.

    Args:
        share: of active places, 0..1; at least one place where it is above 0.
        seed: of the field.

    Returns:
        (H, W) -> uint8 mask of that size.
    """
    generator = torch.Generator().manual_seed(seed)
    field = torch.rand((1, 1, BLOBS, BLOBS), generator=generator)
    sizes = {tuple(program.graph.tensors[name].shape[2:]) for name in program.tensor_numbers}
    maps: dict[tuple[int, int], torch.Tensor] = {}
    for height, width in sizes:
        smooth = torch.nn.functional.interpolate(field, (height, width), mode="bicubic").flatten()
        count = min(smooth.numel(), max(round(share * smooth.numel()), 1 if share > 0 else 0))
        mask = torch.zeros(smooth.numel(), dtype=torch.uint8)
        mask[smooth.topk(count).indices] = 1
        maps[height, width] = mask
    return maps
