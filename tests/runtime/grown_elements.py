"""Random operators that work place by place, and norms."""

from __future__ import annotations

import torch
from growth import Growth, Shape

from saccade.graph import (
    Activation,
    Binary,
    ChannelAffine,
    ChannelMaximum,
    Constant,
    GroupMoments,
    LayerNormalization,
    Softmax,
    Standardization,
    Tensor,
)

SMOOTH = {
    "relu": (),
    "clamp": (-1.0, 6.0),
    "leaky_relu": (0.1,),
    "hardswish": (),
    "hardsigmoid": (),
    "silu": (),
    "gelu": (),
    "gelu_tanh": (),
    "sigmoid": (),
    "tanh": (),
    "elu": (1.0,),
    "mish": (),
    "softplus": (),
    "abs": (),
}


def grow_affine(growth: Growth, name: str) -> str:
    shape = growth.shape(name)
    scale, shift = (growth.numbers(shape[1], 1).flatten() for _ in range(2))
    return growth.add(ChannelAffine, (name,), shape, scale=scale, shift=shift)


def grow_activation(growth: Growth, name: str) -> str:
    function = growth.random.choice(sorted(SMOOTH))
    return growth.add(Activation, (name,), growth.shape(name), function=function, parameters=SMOOTH[function])


def grow_binary(growth: Growth, name: str) -> str:
    """Joins two tensors that broadcast, or a tensor and a constant."""
    shape = growth.shape(name)
    partners = [other for other, tensor in growth.tensors.items() if _broadcasts(shape, tensor)]
    choice = growth.integer(0, len(partners))
    function = growth.random.choice(["add", "subtract", "multiply", "maximum", "minimum"])
    if choice == len(partners):
        ones = growth.integer(0, 15)
        other_shape = tuple(1 if ones >> axis & 1 else size for axis, size in enumerate(shape))
        value = growth.numbers(*other_shape).abs() + 0.5
        other = growth.add(Constant, (), other_shape, value=value)
        function = growth.random.choice([function, "divide"])
    else:
        other = partners[choice]
    pair = (name, other) if function == "divide" or growth.integer(0, 1) else (other, name)
    output = tuple(torch.broadcast_shapes(shape, growth.shape(other)))
    return growth.add(Binary, pair, output, function=function) if growth.fits(output) else name


def _broadcasts(shape: Shape, tensor: Tensor) -> bool:
    return tensor.dtype == torch.float32 and all(
        left == right or 1 in (left, right) for left, right in zip(shape, tensor.shape, strict=True)
    )


def grow_softmax(growth: Growth, name: str) -> str:
    return growth.add(Softmax, (name,), growth.shape(name), logarithm=bool(growth.integer(0, 1)))


def grow_layer_normalization(growth: Growth, name: str) -> str:
    shape = growth.shape(name)
    weight = growth.numbers(shape[1], 1).flatten()
    return growth.add(LayerNormalization, (name,), shape, weight=weight, bias=None, epsilon=0.1)


def grow_channel_maximum(growth: Growth, name: str) -> str:
    n, _, h, w = growth.shape(name)
    return growth.add(ChannelMaximum, (name,), (n, 1, h, w))


def grow_group_normalization(growth: Growth, name: str) -> str:
    n, c, h, w = growth.shape(name)
    divisors = [count for count in range(1, c + 1) if c % count == 0]
    groups = divisors[growth.integer(0, len(divisors) - 1)]
    moments = growth.add(GroupMoments, (name,), (n, 2 * c, 1, 1), groups=groups, epsilon=0.1)
    bias = growth.numbers(c, 1).flatten()
    return growth.add(Standardization, (name, moments), (n, c, h, w), weight=None, bias=bias)
