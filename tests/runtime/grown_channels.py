"""Random operators that move channels."""

from __future__ import annotations

import torch
from grown_elements import grow_activation
from growth import Growth

from saccade.graph import ChannelGather, Concatenate, Pad


def grow_concatenation(growth: Growth, name: str) -> str | None:
    """Joins tensors of one size: some twice, some that are parts of others already, some inputs."""
    n, _, h, w = growth.shape(name)
    alike = [
        other
        for other, tensor in growth.tensors.items()
        if tensor.dtype == torch.float32 and (tensor.shape[0], *tensor.shape[2:]) == (n, h, w)
    ]
    parts = [name] + [alike[growth.integer(0, len(alike) - 1)] for _ in range(growth.integer(0, 3))]
    shape = (n, sum(growth.shape(part)[1] for part in parts), h, w)
    if growth.integer(0, 1):
        parts.reverse()
    return growth.add(Concatenate, tuple(parts), shape) if shape[1] <= 90 and growth.fits(shape) else None


def grow_slice(growth: Growth, name: str) -> str:
    n, c, h, w = growth.shape(name)
    first = growth.integer(0, c - 1)
    last = growth.integer(first + 1, c)
    return growth.add(ChannelGather, (name,), (n, last - first, h, w), indices=tuple(range(first, last)))


def grow_shuffle(growth: Growth, name: str) -> str:
    n, c, h, w = growth.shape(name)
    indices = [growth.integer(0, c - 1) for _ in range(growth.integer(1, 24))]
    return growth.add(ChannelGather, (name,), (n, len(indices), h, w), indices=tuple(indices))


def grow_split_and_join(growth: Growth, name: str) -> str | None:
    """Splits the channels in two, works on a part, and joins them, as ShuffleNet and CSP networks do."""
    n, c, h, w = growth.shape(name)
    if c < 2:
        return None
    half = growth.integer(1, c - 1)
    first = growth.add(ChannelGather, (name,), (n, half, h, w), indices=tuple(range(half)))
    second = growth.add(ChannelGather, (name,), (n, c - half, h, w), indices=tuple(range(half, c)))
    if growth.integer(0, 1):
        second = grow_activation(growth, second)
    parts = (first, second) if growth.integer(0, 1) else (second, first)
    return growth.add(Concatenate, parts, (n, c, h, w))


def grow_pad(growth: Growth, name: str) -> str | None:
    n, c, h, w = growth.shape(name)
    top, left, bottom, right, before, after = (growth.integer(-1, 2) for _ in range(6))
    shape = (n, c + before + after, h + top + bottom, w + left + right)
    if not growth.fits(shape) or min(h + min(top, 0) + min(bottom, 0), w + min(left, 0) + min(right, 0)) < 1:
        return None
    if c + min(before, 0) + min(after, 0) < 1:
        return None
    return growth.add(Pad, (name,), shape, padding=(top, left, bottom, right), channels=(before, after), value=0.25)
