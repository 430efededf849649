"""How long the compared networks take for an image once they are trained."""

from __future__ import annotations

from collections.abc import Mapping

import torch

from saccade.measure import alternate
from saccade.training import Recipe, build_network

BATCH = 32
ROUNDS = 11


def time_inference(contenders: Mapping[str, Recipe], rounds: int = ROUNDS) -> dict[str, float]:
    """Returns milliseconds an image by label: the median of runs in turn, on the CPU, in batches of 32, eval mode.

    Args:
        contenders: recipes by label.
        rounds: that count, at least 1.
    """
    recipe = next(iter(contenders.values()))
    order = torch.channels_last if recipe.channels_last else torch.contiguous_format
    images = torch.randn(BATCH, 3, recipe.image_size, recipe.image_size).contiguous(memory_format=order)
    models = {
        label: build_network(own.replace(pretrained="")).eval().to(memory_format=order)
        for label, own in contenders.items()
    }
    with torch.inference_mode():
        timings = alternate(models, [images] * (rounds + 1))
    return {label: timing.median * 1e3 / BATCH for label, timing in timings.items()}
