"""A stream's change maps as pictures can use them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt


def input_map(maps: Mapping[str, Any]) -> npt.NDArray[np.bool_] | None:
    """Returns the change map (H, W) of the first input's first picture, or None when there is none."""
    for mask in maps.values():
        return _plane(mask)
    return None


def operator_maps(maps: Mapping[str, Any], count: int) -> dict[str, npt.NDArray[np.bool_]]:
    """Returns the change maps (H, W) of a few operators: the input, and others evenly from first to last.

    Maps of a single place (after a global pooling) or row (of a detector's joined heads) are passed over: they show
    nothing.
    """
    all_planes = planes(maps)
    names = [name for name, plane in all_planes.items() if min(plane.shape) > 1]
    chosen = sorted({round(place) for place in np.linspace(0, len(names) - 1, count)}) if names else []
    return {names[place]: all_planes[names[place]] for place in chosen}


def planes(maps: Mapping[str, Any]) -> dict[str, npt.NDArray[np.bool_]]:
    """Returns the first picture's change map (H, W) of every operator that has one, by name."""
    return {name: plane for name, mask in maps.items() if (plane := _plane(mask)) is not None}


def _plane(mask: Any) -> npt.NDArray[np.bool_] | None:
    array = np.asarray(mask, dtype=bool)
    return array[0] if array.ndim == 3 and array.shape[0] else None
