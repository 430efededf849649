"""Random graphs of all operators, and random sequences of frames for them."""

from __future__ import annotations

import random
from collections.abc import Iterator

import torch
from grown_channels import grow_concatenation, grow_pad, grow_shuffle, grow_slice, grow_split_and_join
from grown_convolutions import (
    grow_convolution,
    grow_deformable_convolution,
    grow_dense_convolution,
    grow_depthwise,
    grow_linear,
    grow_pointwise,
    grow_transposed_convolution,
)
from grown_elements import (
    grow_activation,
    grow_affine,
    grow_binary,
    grow_channel_maximum,
    grow_group_normalization,
    grow_layer_normalization,
    grow_softmax,
)
from grown_places import grow_place_concatenation
from grown_windows import grow_adaptive_pool, grow_pool, grow_upsampling
from growth import Growth
from hypothesis import strategies as st

from saccade.graph import (
    Activation,
    AdaptiveAveragePool,
    Binary,
    Convolution,
    Fallback,
    Graph,
    Reference,
    Tensor,
)


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


def grow_depthwise_block(growth: Growth, name: str) -> str | None:
    """Perhaps an expansion, a depthwise convolution, perhaps a projection and the sum with what went in."""
    inner: str | None = name
    if growth.integer(0, 2):
        inner = grow_dense_convolution(growth, name)
    for part in (grow_depthwise, grow_pointwise)[: growth.integer(1, 2)]:
        if inner is None:
            return None
        if growth.integer(0, 1):
            inner = grow_activation(growth, inner)
        inner = part(growth, inner)
    if inner is not None and growth.shape(inner) == growth.shape(name) and growth.integer(0, 2):
        return growth.add(Binary, (inner, name), growth.shape(name), function="add")
    return inner


def grow_squeeze_and_excitation(growth: Growth, name: str) -> str:
    n, c, h, w = growth.shape(name)
    inner = growth.add(AdaptiveAveragePool, (name,), (n, c, 1, 1))
    less = growth.integer(1, 8)
    inner = growth.add(Convolution, (inner,), (n, less, 1, 1), weight=growth.numbers(less, c, 1, 1), bias=None)
    inner = growth.add(Activation, (inner,), (n, less, 1, 1), function="relu")
    inner = growth.add(Convolution, (inner,), (n, c, 1, 1), weight=growth.numbers(c, less, 1, 1), bias=None)
    inner = growth.add(Activation, (inner,), (n, c, 1, 1), function="sigmoid")
    pair = (inner, name) if growth.integer(0, 1) else (name, inner)
    product = growth.add(Binary, pair, (n, c, h, w), function="multiply")
    return (grow_pointwise(growth, product) if growth.integer(0, 2) else None) or product


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
    grow_depthwise_block,
    grow_depthwise_block,
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
    grow_place_concatenation,
    grow_place_concatenation,
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
