"""How much of the network's work was done for each place of a frame."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt


def effort_map(
    maps: Mapping[str, npt.NDArray[np.bool_]], work: Mapping[str, int], size: tuple[int, int]
) -> npt.NDArray[np.float32]:
    """Returns the share of the dense pass's work that was done for each place.

    Args:
        maps: change map (h, w) of each operator, by name.
        work: multiply-accumulates of each operator's dense pass, by name; operators without any are left out.
        size: (H, W) of the result in pixels.

    Returns:
        (H, W) float32 in 0..1; its mean is about the share of multiply-accumulates done.
    """
    total = sum(work.get(name, 0) for name in maps)
    by_shape: dict[tuple[int, ...], npt.NDArray[np.float32]] = {}
    for name, mask in maps.items():
        weight = work.get(name, 0) / total if total else 0.0
        if weight:
            part = np.asarray(mask, dtype=np.float32) * np.float32(weight)
            by_shape[mask.shape] = by_shape[mask.shape] + part if mask.shape in by_shape else part
    effort = np.zeros(size, dtype=np.float32)
    for part in by_shape.values():
        rows = np.arange(size[0]) * part.shape[0] // size[0]
        columns = np.arange(size[1]) * part.shape[1] // size[1]
        effort += part[rows[:, None], columns]
    return effort
