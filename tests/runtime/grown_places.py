"""Random joins of places, as the heads of detectors end in."""

from __future__ import annotations

import torch
from growth import Growth

from saccade.graph import Layout, PlaceConcatenate


def grow_place_concatenation(growth: Growth, name: str) -> str | None:
    """Joins tensors whose channels are as many for each anchor; some twice, some that are parts of others."""
    images, inputs, _, _ = growth.shape(name)
    channels = growth.random.choice([count for count in range(1, inputs + 1) if inputs % count == 0])
    alike = [
        other
        for other, tensor in growth.tensors.items()
        if tensor.dtype == torch.float32 and tensor.shape[0] == images and tensor.shape[1] % channels == 0
    ]
    parts = [name] + [growth.random.choice(alike) for _ in range(growth.integer(0, 3))]
    layouts = tuple(_layout(growth, part, channels) for part in parts)
    shape = (images, channels, 1, sum(layout.shape[3] for layout in layouts))
    return growth.add(PlaceConcatenate, tuple(parts), shape, layouts=layouts) if growth.fits(shape) else None


def _layout(growth: Growth, name: str, channels: int) -> Layout:
    """Splits channels into anchors, the outer or the inner part, and puts rows, columns and anchors in any order."""
    images, inputs, height, width = growth.shape(name)
    anchors = inputs // channels
    channel = growth.integer(1, 2)
    atoms = (images, anchors, channels, height, width) if channel == 2 else (images, channels, anchors, height, width)
    places = [3 - channel, 3, 4]
    if growth.integer(0, 1):
        growth.random.shuffle(places)
    return Layout(atoms, (0, channel, *places), (images, channels, 1, anchors * height * width))
