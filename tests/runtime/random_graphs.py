"""Random graphs of all operators, and random sequences of frames for them."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import torch
from hypothesis import strategies as st

from saccade.graph import (
    Activation,
    AdaptiveAveragePool,
    AveragePool,
    Binary,
    ChannelAffine,
    ChannelGather,
    ChannelMaximum,
    Concatenate,
    Constant,
    Convolution,
    DeformableConvolution,
    Fallback,
    Graph,
    GroupMoments,
    LayerNormalization,
    Linear,
    MaxPool,
    Operator,
    Pad,
    Reference,
    Softmax,
    Standardization,
    Tensor,
    TransposedConvolution,
    Upsample,
)

Shape = tuple[int, ...]
MOST_ELEMENTS = 20_000
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


@dataclass
class Growth:
    """A graph that grows, operator by operator; every choice is the seeded ``random``'s."""

    random: random.Random
    generator: torch.Generator
    tensors: dict[str, Tensor] = field(default_factory=dict)
    operators: list[Operator] = field(default_factory=list)
    inputs: list[str] = field(default_factory=list)

    def integer(self, least: int, most: int) -> int:
        """Returns a random whole number in [least, most]."""
        return self.random.randint(least, max(least, most))

    def numbers(self, *shape: int) -> torch.Tensor:
        """Returns random weights whose sums stay near 1."""
        fan_in = max(1, torch.Size(shape[1:]).numel())
        return torch.randn(shape, generator=self.generator) / fan_in**0.5

    def input(self, shape: Shape) -> None:
        """Adds an input."""
        name = f"frame{len(self.inputs)}"
        self.tensors[name] = Tensor(name, shape)
        self.inputs.append(name)

    def source(self) -> str:
        """Returns a tensor to read, the newest ones more often."""
        names = [name for name, tensor in self.tensors.items() if tensor.dtype == torch.float32]
        return names[-1 - min(self.integer(0, 5), self.integer(0, len(names) - 1), len(names) - 1)]

    def shape(self, name: str) -> Shape:
        """Returns a tensor's shape."""
        return self.tensors[name].shape

    def add(self, kind: type[Operator], inputs: tuple[str, ...], shape: Shape, **fields: Any) -> str:
        """Adds an operator; returns its output's name."""
        number = len(self.operators)
        name = f"tensor{number}"
        self.tensors[name] = Tensor(name, tuple(shape))
        self.operators.append(kind(f"{kind.kind}{number}", inputs, (name,), **fields))
        return name

    def fits(self, shape: Shape) -> bool:
        """Whether a tensor of that shape keeps the graph small."""
        return min(shape) >= 1 and torch.Size(shape).numel() <= MOST_ELEMENTS

    def graph(self) -> Graph:
        """Returns the graph; all that nothing reads is an output, and a few tensors more."""
        read = {name for operator in self.operators for name in operator.inputs}
        leaves = [name for name in self.tensors if name not in read]
        leaves += [name for name in list(self.tensors)[-3:-1] if name not in leaves]
        tree = torch.utils._pytree.tree_structure([0] * len(leaves))
        references = tuple(Reference(name) for name in leaves)
        input_tree = torch.utils._pytree.tree_structure((tuple([0] * len(self.inputs)), {}))
        return Graph(tuple(self.inputs), references, tree, tuple(self.operators), dict(self.tensors), input_tree)


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


def grow_residual_block(growth: Growth, name: str) -> str | None:
    """Convolution, batch norm, perhaps activation, convolution, sum with what went in, activation."""
    n, c, h, w = growth.shape(name)
    kernel = (3, 3) if growth.integer(0, 1) else (1, 1)
    padding = (kernel[0] // 2,) * 4
    inner = name
    for _ in range(growth.integer(1, 2)):
        inner = growth.add(
            Convolution, (inner,), (n, c, h, w), weight=growth.numbers(c, c, *kernel), bias=None, padding=padding
        )
        inner = grow_affine(growth, inner)
    order = (inner, name) if growth.integer(0, 1) else (name, inner)
    total = growth.add(Binary, order, (n, c, h, w), function="add")
    return grow_activation(growth, total) if growth.integer(0, 1) else total


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


def grow_squeeze_and_excitation(growth: Growth, name: str) -> str:
    n, c, h, w = growth.shape(name)
    inner = growth.add(AdaptiveAveragePool, (name,), (n, c, 1, 1))
    less = growth.integer(1, 8)
    inner = growth.add(Convolution, (inner,), (n, less, 1, 1), weight=growth.numbers(less, c, 1, 1), bias=None)
    inner = growth.add(Activation, (inner,), (n, less, 1, 1), function="relu")
    inner = growth.add(Convolution, (inner,), (n, c, 1, 1), weight=growth.numbers(c, less, 1, 1), bias=None)
    inner = growth.add(Activation, (inner,), (n, c, 1, 1), function="sigmoid")
    pair = (inner, name) if growth.integer(0, 1) else (name, inner)
    return growth.add(Binary, pair, (n, c, h, w), function="multiply")


def grow_linear(growth: Growth, name: str) -> str | None:
    n, c, h, w = growth.shape(name)
    features = growth.integer(1, 24)
    if c * h * w > 4000:
        return None
    weight = growth.numbers(features, c * h * w)
    return growth.add(Linear, (name,), (n, features, 1, 1), weight=weight, bias=None)


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


def grow_fallback(growth: Growth, name: str) -> str:
    shape = growth.shape(name)
    target, arguments = growth.random.choice(
        [
            ("aten.flip.default", ([3],)),
            ("aten.roll.default", ([1], [2])),
            ("aten.cumsum.default", (2,)),
            ("aten.sin.default", ()),
        ]
    )
    return growth.add(
        Fallback, (name,), shape, target=target, arguments=(Reference(name), *arguments), reason="not native"
    )


def grow_fallback_with_two_outputs(growth: Growth, name: str) -> str:
    """The largest channel and its number, which is no float."""
    n, _, h, w = growth.shape(name)
    number = len(growth.operators)
    values, indices = f"values{number}", f"indices{number}"
    growth.tensors[values] = Tensor(values, (n, 1, h, w))
    growth.tensors[indices] = Tensor(indices, (n, 1, h, w), torch.int64)
    arguments = (Reference(name), 1, True)
    fallback = Fallback(f"largest{number}", (name,), (values, indices), "aten.max.dim", arguments)
    growth.operators.append(fallback)
    return values


GROWTHS = (
    grow_convolution,
    grow_dense_convolution,
    grow_dense_convolution,
    grow_depthwise,
    grow_residual_block,
    grow_residual_block,
    grow_transposed_convolution,
    grow_affine,
    grow_activation,
    grow_activation,
    grow_binary,
    grow_binary,
    grow_concatenation,
    grow_concatenation,
    grow_slice,
    grow_shuffle,
    grow_split_and_join,
    grow_pad,
    grow_pool,
    grow_adaptive_pool,
    grow_upsampling,
    grow_squeeze_and_excitation,
    grow_linear,
    grow_softmax,
    grow_layer_normalization,
    grow_channel_maximum,
    grow_group_normalization,
    grow_deformable_convolution,
    grow_fallback,
    grow_fallback_with_two_outputs,
)


def grow(seed: int, steps: int) -> Graph:
    """Returns a random graph of at least so many operators."""
    growth = Growth(random.Random(seed), torch.Generator().manual_seed(seed))
    batch = growth.integer(1, 3)
    size = (growth.integer(1, 20), growth.integer(1, 20))
    for _ in range(growth.random.choice([1, 1, 1, 2])):
        growth.input((batch, growth.integer(1, 6), *size))
    while len(growth.operators) < steps:
        if growth.random.choice(GROWTHS)(growth, growth.source()) is None:
            grow_activation(growth, growth.source())
    return growth.graph()


def graphs(most_operators: int = 20) -> st.SearchStrategy[Graph]:
    """Draws a graph; a failing one is made shorter operator by operator."""
    return st.builds(grow, st.integers(0, 2**40), st.integers(1, most_operators))


CHANGES = ("place", "place", "blob", "blob", "whole", "nothing", "one image", "back")


def sequences(most_frames: int = 6) -> st.SearchStrategy[list[tuple[str, int]]]:
    """Draws what changes from frame to frame, with a seed each."""
    change = st.tuples(st.sampled_from(CHANGES), st.integers(0, 10_000))
    return st.lists(change, min_size=1, max_size=most_frames)


def frames(graph: Graph, changes: list[tuple[str, int]], seed: int = 0) -> Iterator[list[torch.Tensor]]:
    """Yields fresh tensors for the graph's inputs: a random frame, then one for each change."""
    generator = torch.Generator().manual_seed(seed)
    first = [torch.randn(graph.tensors[name].shape, generator=generator) for name in graph.inputs]
    current = [frame.clone() for frame in first]
    yield [frame.clone() for frame in current]
    for change, number in changes:
        generator.manual_seed(number)
        index = number % len(current)
        current[index] = changed(current[index], first[index], change, generator)
        yield [frame.clone() for frame in current]


def changed(frame: torch.Tensor, first: torch.Tensor, change: str, generator: torch.Generator) -> torch.Tensor:
    """Returns ``frame`` after one change."""
    if change == "back":
        return first.clone()
    if change == "whole":
        return torch.randn(frame.shape, generator=generator)
    frame = frame.clone()
    n, _, h, w = frame.shape
    image, y, x = (int(torch.randint(size, (), generator=generator)) for size in (n, h, w))
    if change == "one image":
        frame[image] = torch.randn(frame.shape[1:], generator=generator)
    if change == "place":
        frame[image, :, y, x] += 1.0
    if change == "blob":
        frame[image, :, y : y + 1 + h // 3, x : x + 1 + w // 3] *= -1.5
    return frame
