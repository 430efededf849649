"""A map of weights laid over a photograph as colours."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from saccade.errors import ExplanationError

COLOURS = "turbo"
"""Matplotlib's name of the colour scale: blue for what does not matter, red for what does, as in the paper."""

_STRENGTH = 0.55


def overlay(
    rgb: npt.NDArray[np.uint8], weights: npt.NDArray[np.floating], strength: float = _STRENGTH, colours: str = COLOURS
) -> npt.NDArray[np.uint8]:
    """Returns the picture with the weights laid over it as colours.

    Args:
        rgb: (H, W, 3) uint8.
        weights: (H, W), 0 to 1: the whole colour scale.
        strength: share of the colour in each pixel, 0 to 1.
        colours: matplotlib's name of a colour scale.

    Returns:
        (H, W, 3) uint8.

    Raises:
        ExplanationError: the sizes differ, or there is no such colour scale.
    """
    import matplotlib

    if weights.shape != rgb.shape[:2]:
        raise ExplanationError(f"the weights are {weights.shape} and the picture {rgb.shape[:2]}; expected equal sizes")
    if colours not in matplotlib.colormaps:
        raise ExplanationError(
            f"matplotlib has no colour scale {colours!r}; see matplotlib.colormaps, for instance turbo, jet or viridis"
        )
    coloured = matplotlib.colormaps[colours](np.clip(weights, 0, 1))[..., :3] * 255
    mixed = (1 - strength) * rgb + strength * coloured
    return np.asarray(np.rint(mixed), dtype=np.uint8)
