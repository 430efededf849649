"""Random convolutions and linear layers."""

from __future__ import annotations

from growth import Growth, Shape

from saccade.graph import Convolution, DeformableConvolution, Linear, TransposedConvolution


def grow_convolution(growth: Growth, name: str, groups: str = "any") -> str | None:
    n, c, h, w = growth.shape(name)
    kernel = (growth.integer(1, 7), growth.integer(1, 7)) if growth.integer(0, 2) == 0 else (3, 3)
    stride = (growth.integer(1, 3), growth.integer(1, 3)) if growth.integer(0, 2) == 0 else (1, 1)
    dilation = (growth.integer(1, 2), growth.integer(1, 2)) if growth.integer(0, 2) == 0 else (1, 1)
    padding = tuple(growth.integer(0, 3) for _ in range(4)) if growth.integer(0, 2) == 0 else (1, 1, 1, 1)
    height, width = (
        (size + padding[axis] + padding[axis + 2] - (kernel[axis] - 1) * dilation[axis] - 1) // stride[axis] + 1
        for axis, size in ((0, h), (1, w))
    )
    divisors = [count for count in range(1, c + 1) if c % count == 0]
    count = c if groups == "depthwise" else divisors[growth.integer(0, len(divisors) - 1)] if groups == "any" else 1
    c_out = c if groups == "depthwise" else count * growth.integer(1, max(1, 40 // count))
    if height < 1 or width < 1 or not growth.fits((n, c_out, height, width)):
        return None
    return growth.add(
        Convolution,
        (name,),
        (n, c_out, height, width),
        weight=growth.numbers(c_out, c // count, *kernel),
        bias=growth.numbers(c_out, 1).flatten() if growth.integer(0, 1) else None,
        stride=stride,
        padding=padding,
        dilation=dilation,
        groups=count,
    )


def grow_dense_convolution(growth: Growth, name: str) -> str | None:
    return grow_convolution(growth, name, "none")


def grow_depthwise(growth: Growth, name: str) -> str | None:
    return grow_convolution(growth, name, "depthwise")


def grow_pointwise(growth: Growth, name: str) -> str | None:
    n, c, h, w = growth.shape(name)
    c_out = c if growth.integer(0, 1) else growth.integer(1, 40)
    if not growth.fits((n, c_out, h, w)):
        return None
    return growth.add(
        Convolution,
        (name,),
        (n, c_out, h, w),
        weight=growth.numbers(c_out, c, 1, 1),
        bias=growth.numbers(c_out, 1)[:, 0],
    )


def grow_transposed_convolution(growth: Growth, name: str) -> str | None:
    n, c, h, w = growth.shape(name)
    kernel, stride = (growth.integer(1, 4), growth.integer(1, 4)), (growth.integer(1, 3), growth.integer(1, 3))
    padding = (growth.integer(0, 1), growth.integer(0, 1))
    sizes = [
        (size - 1) * step - 2 * before + taps + growth.integer(0, step - 1)
        for size, step, before, taps in zip((h, w), stride, padding, kernel, strict=True)
    ]
    c_out = growth.integer(1, 20)
    if not growth.fits((n, c_out, *sizes)):
        return None
    return growth.add(
        TransposedConvolution,
        (name,),
        (n, c_out, *sizes),
        weight=growth.numbers(c, c_out, *kernel),
        bias=growth.numbers(c_out, 1).flatten(),
        stride=stride,
        padding=padding,
    )


def grow_linear(growth: Growth, name: str) -> str | None:
    n, c, h, w = growth.shape(name)
    features = growth.integer(1, 24)
    if c * h * w > 4000:
        return None
    weight = growth.numbers(features, c * h * w)
    return growth.add(Linear, (name,), (n, features, 1, 1), weight=weight, bias=None)


def grow_deformable_convolution(growth: Growth, name: str) -> str | None:
    """A deformable convolution with offsets, and perhaps a mask, from its input."""
    n, c, h, w = growth.shape(name)
    kernel = growth.random.choice([(1, 1), (3, 3), (2, 3)])
    padding, stride = (kernel[0] // 2, kernel[1] // 2), growth.integer(1, 2)
    height, width = (
        (size + 2 * border - taps) // stride + 1 for size, border, taps in zip((h, w), padding, kernel, strict=True)
    )
    offset_groups = growth.random.choice([count for count in (1, 2, 3) if c % count == 0])
    taps = kernel[0] * kernel[1] * offset_groups
    c_out = growth.integer(1, 20)
    if min(height, width) < 1 or not growth.fits((n, max(c_out, 2 * taps), height, width)):
        return None
    steering = tuple(
        growth.add(
            Convolution,
            (name,),
            (n, channels, height, width),
            weight=growth.numbers(channels, c, 1, 1) * scale,
            bias=growth.numbers(channels, 1).flatten(),
            stride=(stride, stride),
            padding=_border_after((h, w), (height, width), stride),
        )
        for channels, scale in ((2 * taps, 2.0), (taps, 1.0))[: growth.integer(1, 2)]
    )
    return growth.add(
        DeformableConvolution,
        (name, *steering),
        (n, c_out, height, width),
        weight=growth.numbers(c_out, c, *kernel),
        bias=None,
        stride=(stride, stride),
        padding=padding,
        offset_groups=offset_groups,
    )


def _border_after(size: Shape, output: Shape, stride: int) -> Shape:
    """Returns the padding with which a 1 x 1 convolution has as many places as a wider one."""
    after = [max(0, (output[axis] - 1) * stride + 1 - size[axis]) for axis in (0, 1)]
    return (0, 0, *after)
