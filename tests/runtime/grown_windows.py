"""Random pools and upsampling."""

from __future__ import annotations

from growth import Growth

from saccade.graph import AdaptiveAveragePool, AveragePool, MaxPool, Upsample


def grow_pool(growth: Growth, name: str) -> str | None:
    n, c, h, w = growth.shape(name)
    kernel, stride = (growth.integer(1, 4), growth.integer(1, 4)), (growth.integer(1, 3), growth.integer(1, 3))
    padding = tuple(growth.integer(0, kernel[side % 2] // 2) for side in range(4))
    height, width = (
        (size + padding[axis] + padding[axis + 2] - kernel[axis]) // stride[axis] + 1 for axis, size in ((0, h), (1, w))
    )
    if min(height, width) < 1 or min(h - kernel[0], w - kernel[1]) < 0:
        return None
    shape = (n, c, height, width)
    if growth.integer(0, 1):
        return growth.add(MaxPool, (name,), shape, kernel=kernel, stride=stride, padding=padding)
    counted = bool(growth.integer(0, 1))
    return growth.add(
        AveragePool, (name,), shape, kernel=kernel, stride=stride, padding=padding, count_include_pad=counted
    )


def grow_adaptive_pool(growth: Growth, name: str) -> str | None:
    n, c, _, _ = growth.shape(name)
    shape = (n, c, growth.integer(1, 7), growth.integer(1, 7))
    return growth.add(AdaptiveAveragePool, (name,), shape) if growth.fits(shape) else None


def grow_upsampling(growth: Growth, name: str) -> str | None:
    n, c, h, w = growth.shape(name)
    shape = (n, c, growth.integer(1, 2 * h + 1), growth.integer(1, 2 * w + 1))
    mode = growth.random.choice(["nearest", "bilinear"])
    corners = mode == "bilinear" and bool(growth.integer(0, 1))
    return growth.add(Upsample, (name,), shape, mode=mode, align_corners=corners) if growth.fits(shape) else None
