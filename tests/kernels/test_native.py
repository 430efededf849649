"""Every native operator against its definition in torch, on random shapes, for every instruction set."""

from __future__ import annotations

import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from single import check, single

from saccade.graph import (
    ACTIVATIONS,
    BINARY_FUNCTIONS,
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
    Graph,
    GroupMoments,
    LayerNormalization,
    Linear,
    MaxPool,
    Pad,
    Softmax,
    Standardization,
    TransposedConvolution,
    Upsample,
)

few = settings(max_examples=12, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))

batches = st.integers(1, 3)
channel_counts = st.one_of(st.integers(1, 20), st.integers(21, 70))
sides = st.integers(1, 13)
kernels = st.integers(1, 7)
strides = st.integers(1, 3)
dilations = st.integers(1, 3)
paddings = st.integers(0, 4)
threads = st.integers(1, 2)
seeds = st.integers(0, 1000)


def weights(seed: int, *shape: int) -> torch.Tensor:
    fan_in = max(1, torch.Size(shape[1:]).numel())
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed)) / fan_in**0.5


def outputs_of(size: int, before: int, after: int, kernel: int, stride: int, dilation: int) -> int:
    return (size + before + after - (kernel - 1) * dilation - 1) // stride + 1


@st.composite
def windows(draw: st.DrawFn, *, dilated: bool = True, most_padding: int = 4) -> dict[str, tuple[int, ...]]:
    """Draws a window and a map that it fits at least once."""
    kernel = (draw(kernels), draw(kernels))
    stride = (draw(strides), draw(strides))
    dilation = (draw(dilations), draw(dilations)) if dilated else (1, 1)
    padding = tuple(draw(st.integers(0, min(most_padding, kernel[side % 2] - 1 or 1))) for side in range(4))
    size = []
    for axis in (0, 1):
        least = (kernel[axis] - 1) * dilation[axis] + 1 - padding[axis] - padding[axis + 2]
        size.append(draw(st.integers(max(1, least), max(1, least) + 9)))
    output = tuple(
        outputs_of(size[axis], padding[axis], padding[axis + 2], kernel[axis], stride[axis], dilation[axis])
        for axis in (0, 1)
    )
    return {
        "kernel": kernel,
        "stride": stride,
        "dilation": dilation,
        "padding": padding,
        "size": tuple(size),
        "output": output,
    }


def check_convolution(window: dict, batch: int, c_in: int, c_out: int, groups: int, threads: int, seed: int) -> None:
    weight = weights(seed, c_out, c_in // groups, *window["kernel"])
    bias = weights(seed + 1, c_out, 1).flatten() if seed % 2 else None
    graph = single(
        Convolution,
        [(batch, c_in, *window["size"])],
        (batch, c_out, *window["output"]),
        weight=weight,
        bias=bias,
        stride=window["stride"],
        padding=window["padding"],
        dilation=window["dilation"],
        groups=groups,
    )
    # Narrow groups share a vector: their NaN reaches the other groups of that vector, densely and incrementally alike.
    check(graph, threads, seed, contained=groups in (1, c_out))


@few
@given(windows(), batches, channel_counts, channel_counts, threads, seeds)
def test_convolution_agrees_with_torch_for_any_window(window, batch, c_in, c_out, threads, seed) -> None:
    check_convolution(window, batch, c_in, c_out, 1, threads, seed)


@few
@given(windows(), batches, st.integers(2, 6), st.integers(1, 12), st.integers(1, 12), threads, seeds)
def test_convolution_agrees_with_torch_for_any_groups(window, batch, groups, each_in, each_out, threads, seed) -> None:
    check_convolution(window, batch, groups * each_in, groups * each_out, groups, threads, seed)


@few
@given(windows(), batches, channel_counts, threads, seeds)
def test_depthwise_convolution_agrees_with_torch_for_any_window(window, batch, channels, threads, seed) -> None:
    check_convolution(window, batch, channels, channels, channels, threads, seed)


@few
@given(
    st.sampled_from([3, 5, 7]), st.integers(1, 2), batches, channel_counts, st.integers(7, 16), sides, threads, seeds
)
def test_depthwise_convolution_agrees_with_torch_for_the_usual_kernels(
    kernel, stride, batch, channels, height, width, threads, seed
) -> None:
    pad = kernel // 2
    output = tuple(outputs_of(size, pad, pad, kernel, stride, 1) for size in (height, width))
    window = {
        "kernel": (kernel, kernel),
        "stride": (stride, stride),
        "dilation": (1, 1),
        "padding": (pad,) * 4,
        "size": (height, width),
        "output": output,
    }
    check_convolution(window, batch, channels, channels, channels, threads, seed)


@few
@given(windows(), batches, st.integers(2, 12), st.integers(2, 4), threads, seeds)
def test_depthwise_convolution_agrees_with_torch_for_several_outputs_a_channel(
    window, batch, channels, multiplier, threads, seed
) -> None:
    check_convolution(window, batch, channels, channels * multiplier, channels, threads, seed)


@few
@given(batches, st.integers(300, 900), st.integers(100, 300), sides, threads, seeds)
def test_convolution_agrees_with_torch_for_many_channels(batch, c_in, c_out, side, threads, seed) -> None:
    kernel = 3 if seed % 3 == 0 else 1
    pad = kernel // 2
    window = {
        "kernel": (kernel, kernel),
        "stride": (1, 1),
        "dilation": (1, 1),
        "padding": (pad,) * 4,
        "size": (side, 3),
        "output": (side, 3),
    }
    check_convolution(window, batch, c_in, c_out, 1, threads, seed)


@few
@given(st.data(), batches, st.integers(1, 4), st.integers(1, 24), st.integers(1, 40), threads, seeds)
def test_transposed_convolution_agrees_with_torch_for_any_window(
    data, batch, groups, each_in, each_out, threads, seed
) -> None:
    draw = data.draw
    kernel, stride = (draw(kernels), draw(kernels)), (draw(strides), draw(strides))
    dilation, size = (draw(dilations), draw(dilations)), (draw(st.integers(1, 7)), draw(st.integers(1, 7)))
    padding, output = [], []
    for axis in (0, 1):
        full = (size[axis] - 1) * stride[axis] + (kernel[axis] - 1) * dilation[axis] + 1
        padding.append(draw(st.integers(0, min(3, (full - 1) // 2))))
        output.append(full - 2 * padding[axis] + draw(st.integers(0, max(stride[axis], dilation[axis]) - 1)))
    weight = weights(seed, groups * each_in, each_out, *kernel)
    graph = single(
        TransposedConvolution,
        [(batch, groups * each_in, *size)],
        (batch, groups * each_out, *output),
        weight=weight,
        bias=weights(seed + 1, groups * each_out, 1).flatten() if seed % 2 else None,
        stride=stride,
        padding=tuple(padding),
        dilation=dilation,
        groups=groups,
    )
    check(graph, threads, seed, contained=groups == 1)


@few
@given(windows(), batches, channel_counts, st.integers(0, 2), threads, seeds)
def test_max_pool_agrees_with_torch_for_any_window(window, batch, channels, beyond, threads, seed) -> None:
    output = tuple(
        count + (1 if beyond and (count * step - before) < size else 0)
        for count, step, before, size in zip(
            window["output"], window["stride"], window["padding"][:2], window["size"], strict=True
        )
    )
    graph = single(
        MaxPool,
        [(batch, channels, *window["size"])],
        (batch, channels, *output),
        kernel=window["kernel"],
        stride=window["stride"],
        padding=window["padding"],
        dilation=window["dilation"],
    )
    check(graph, threads, seed)


@few
@given(windows(dilated=False), batches, channel_counts, st.booleans(), st.sampled_from([None, 1, 5]), threads, seeds)
def test_average_pool_agrees_with_torch_for_any_window(
    window, batch, channels, count_include_pad, divisor, threads, seed
) -> None:
    kernel = window["kernel"]
    # As torch asks for: at most half the kernel, so that no window lies in the padding alone.
    padding = tuple(min(width, kernel[side % 2] // 2) for side, width in enumerate(window["padding"]))
    size = tuple(max(size, width) for size, width in zip(window["size"], kernel, strict=True))
    output = []
    for axis in (0, 1):
        stride = window["stride"][axis]
        count = outputs_of(size[axis], padding[axis], padding[axis + 2], kernel[axis], stride, 1)
        # ceil_mode: one more window when it begins inside the map
        output.append(count + int(seed % 2 == 0 and count * stride < size[axis] + padding[axis]))
    graph = single(
        AveragePool,
        [(batch, channels, *size)],
        (batch, channels, *output),
        kernel=kernel,
        stride=window["stride"],
        padding=padding,
        count_include_pad=count_include_pad,
        divisor=divisor,
    )
    check(graph, threads, seed)


@few
@given(batches, channel_counts, sides, sides, st.integers(1, 15), st.integers(1, 15), threads, seeds)
def test_adaptive_average_pool_agrees_with_torch_for_any_grid(
    batch, channels, height, width, rows, columns, threads, seed
) -> None:
    graph = single(AdaptiveAveragePool, [(batch, channels, height, width)], (batch, channels, rows, columns))
    check(graph, threads, seed)


@few
@given(batches, channel_counts, sides, sides, threads, seeds)
def test_global_average_pool_agrees_with_torch_for_any_map(batch, channels, height, width, threads, seed) -> None:
    check(single(AdaptiveAveragePool, [(batch, channels, height, width)], (batch, channels, 1, 1)), threads, seed)


@few
@given(
    st.sampled_from(["nearest", "bilinear"]),
    st.booleans(),
    st.booleans(),
    batches,
    channel_counts,
    st.lists(sides, min_size=2, max_size=2),
    st.lists(st.integers(1, 24), min_size=2, max_size=2),
    threads,
    seeds,
)
def test_upsampling_agrees_with_torch_for_any_sizes(
    mode, align_corners, scaled, batch, channels, size, target, threads, seed
) -> None:
    scale = None
    if scaled:
        factor = (1.5, 2.0, 3.0, 2.7, 0.5)[seed % 5]
        target = [max(1, int(side * factor)) for side in size]
        scale = (factor, factor)
    graph = single(
        Upsample,
        [(batch, channels, *size)],
        (batch, channels, *target),
        mode=mode,
        align_corners=align_corners and mode == "bilinear",
        scale=scale,
    )
    # Where a weight is 0, torch multiplies it with infinity in some builds and leaves it out in others.
    check(graph, threads, seed, contained=mode == "nearest")


@few
@given(st.sampled_from(sorted(ACTIVATIONS)), batches, channel_counts, sides, st.sampled_from([0.3, 3.0, 30.0]), seeds)
def test_activations_agree_with_torch_for_small_and_large_values(function, batch, channels, side, scale, seed) -> None:
    values = {"minimum": -0.5, "maximum": 2.0, "negative_slope": 0.1, "alpha": 0.7}
    parameters = tuple(values[name] for name in ACTIVATIONS[function])
    shape = (batch, channels, side, 24)
    graph = single(Activation, [shape], shape, function=function, parameters=parameters)
    # torch's own gelu of infinity is NaN in some builds.
    check(graph, 1, seed, scale, contained=function != "gelu")


@few
@given(st.sampled_from(BINARY_FUNCTIONS), st.integers(0, 255), batches, channel_counts, sides, sides, threads, seeds)
def test_binary_functions_agree_with_torch_for_any_broadcast(
    function, ones, batch, channels, height, width, threads, seed
) -> None:
    full = (batch, channels, height, width)
    left = tuple(1 if ones >> axis & 1 else size for axis, size in enumerate(full))
    right = tuple(1 if ones >> (axis + 4) & 1 else size for axis, size in enumerate(full))
    output = tuple(torch.broadcast_shapes(left, right))
    check(single(Binary, [left, right], output, function=function), threads, seed)


@few
@given(batches, channel_counts, sides, sides, threads, seeds)
def test_channel_affine_agrees_with_torch_for_any_map(batch, channels, height, width, threads, seed) -> None:
    shape = (batch, channels, height, width)
    scale, shift = weights(seed, channels, 1).flatten(), weights(seed + 1, channels, 1).flatten()
    check(single(ChannelAffine, [shape], shape, scale=scale, shift=shift), threads, seed)


@few
@given(batches, st.lists(st.integers(1, 30), min_size=1, max_size=4), sides, threads, seeds)
def test_concatenation_agrees_with_torch_for_any_channels(batch, channels, side, threads, seed) -> None:
    shapes = [(batch, count, side, 4) for count in channels]
    check(single(Concatenate, shapes, (batch, sum(channels), side, 4)), threads, seed)


@few
@given(st.data(), batches, channel_counts, sides, threads, seeds)
def test_channel_gather_agrees_with_torch_for_any_indices(data, batch, channels, side, threads, seed) -> None:
    if seed % 2:
        first = data.draw(st.integers(0, channels - 1))
        indices = tuple(range(first, data.draw(st.integers(first + 1, channels))))
    else:
        indices = tuple(data.draw(st.lists(st.integers(0, channels - 1), min_size=1, max_size=40)))
    graph = single(ChannelGather, [(batch, channels, side, 5)], (batch, len(indices), side, 5), indices=indices)
    check(graph, threads, seed)


@few
@given(st.lists(st.integers(-3, 4), min_size=6, max_size=6), batches, st.integers(7, 30), st.integers(7, 12), seeds)
def test_padding_agrees_with_torch_for_positive_and_negative_widths(widths, batch, channels, side, seed) -> None:
    top, left, bottom, right, before, after = widths
    output = (batch, channels + before + after, side + top + bottom, side + left + right)
    graph = single(
        Pad,
        [(batch, channels, side, side)],
        output,
        padding=(top, left, bottom, right),
        channels=(before, after),
        value=(0.0, -1.5)[seed % 2],
    )
    check(graph, 1, seed)


@few
@given(batches, channel_counts, st.integers(1, 5), st.integers(1, 5), channel_counts, threads, seeds)
def test_linear_agrees_with_torch_for_any_map(batch, channels, height, width, features, threads, seed) -> None:
    graph = single(
        Linear,
        [(batch, channels, height, width)],
        (batch, features, 1, 1),
        weight=weights(seed, features, channels * height * width),
        bias=weights(seed + 1, features, 1).flatten() if seed % 2 else None,
    )
    check(graph, threads, seed)


@few
@given(st.booleans(), batches, channel_counts, sides, sides, threads, seeds)
def test_softmax_agrees_with_torch_for_any_map(logarithm, batch, channels, height, width, threads, seed) -> None:
    shape = (batch, channels, height, width)
    check(single(Softmax, [shape], shape, logarithm=logarithm), threads, seed, scale=5.0)


@few
@given(st.booleans(), st.booleans(), batches, st.integers(2, 70), sides, sides, threads, seeds)
def test_layer_normalization_agrees_with_torch_for_any_map(
    weighted, biased, batch, channels, height, width, threads, seed
) -> None:
    shape = (batch, channels, height, width)
    graph = single(
        LayerNormalization,
        [shape],
        shape,
        weight=weights(seed, channels, 1).flatten() if weighted else None,
        bias=weights(seed + 1, channels, 1).flatten() if biased else None,
        epsilon=1e-3,
    )
    check(graph, threads, seed)


@few
@given(batches, channel_counts, sides, sides, threads, seeds)
def test_channel_maximum_agrees_with_torch_for_any_shape(batch, channels, height, width, threads, seed) -> None:
    shape = (batch, channels, height, width)
    check(single(ChannelMaximum, [shape], (batch, 1, height, width)), threads, seed)


@few
@given(batches, st.integers(1, 5), st.integers(1, 15), sides, st.integers(1, 40), threads, seeds)
def test_group_moments_agree_with_torch_for_any_groups(batch, groups, each, height, width, threads, seed) -> None:
    shape = (batch, groups * each, height, width)
    graph = single(GroupMoments, [shape], (batch, 2 * shape[1], 1, 1), groups=groups, epsilon=1e-2)
    check(graph, threads, seed)


@few
@given(batches, channel_counts, sides, sides, threads, seeds)
def test_standardization_agrees_with_torch_for_any_shape(batch, channels, height, width, threads, seed) -> None:
    shape = (batch, channels, height, width)
    graph = single(
        Standardization,
        [shape, (batch, 2 * channels, 1, 1)],
        shape,
        weight=weights(seed, channels, 1).flatten() if seed % 2 else None,
        bias=weights(seed + 1, channels, 1).flatten() if seed % 3 else None,
    )
    check(graph, threads, seed)


@st.composite
def deformations(draw: st.DrawFn) -> dict:
    """Draws a deformable convolution's groups, window and shapes."""
    window = draw(windows())
    padding = window["padding"][:2]
    output = tuple(
        outputs_of(window["size"][axis], padding[axis], padding[axis], window["kernel"][axis], *steps)
        for axis, steps in enumerate(zip(window["stride"], window["dilation"], strict=True))
    )
    groups, offset_groups, each = draw(st.integers(1, 3)), draw(st.integers(1, 3)), draw(st.integers(1, 6))
    depthwise = draw(st.booleans())
    inputs = groups * offset_groups * each
    return {
        **window,
        "padding": padding,
        "output": tuple(max(1, side) for side in output),
        "groups": inputs if depthwise else groups,
        "offset_groups": offset_groups,
        "inputs": inputs,
        "outputs": inputs if depthwise else groups * draw(st.integers(1, 9)),
    }


def deformable(found: dict, batch: int, masked: bool, seed: int) -> Graph:
    taps = found["kernel"][0] * found["kernel"][1] * found["offset_groups"]
    shapes = [(batch, found["inputs"], *found["size"]), (batch, 2 * taps, *found["output"])]
    return single(
        DeformableConvolution,
        [*shapes, (batch, taps, *found["output"])] if masked else shapes,
        (batch, found["outputs"], *found["output"]),
        weight=weights(seed, found["outputs"], found["inputs"] // found["groups"], *found["kernel"]),
        bias=weights(seed + 1, found["outputs"], 1).flatten() if seed % 2 else None,
        **{name: found[name] for name in ("stride", "padding", "dilation", "groups", "offset_groups")},
    )


@few
@given(deformations(), batches, st.booleans(), st.sampled_from([0.3, 1.5, 6.0]), threads, seeds)
def test_deformable_convolution_agrees_with_its_definition(found, batch, masked, scale, threads, seed) -> None:
    graph = deformable(found, batch, masked, seed)
    check(graph, threads, seed, scale, contained=found["groups"] in (1, found["inputs"]))


@few
@given(batches, channel_counts, sides, seeds)
def test_a_constant_is_added_as_torch_adds_it_for_any_shape(batch, channels, side, seed) -> None:
    shape = (batch, channels, side, 3)
    graph = single(Binary, [shape, shape], shape, function="add")
    value = weights(seed, *shape)
    constant = Constant("constant", (), ("input1",), value)
    graph = type(graph)(
        ("input0",), graph.outputs, graph.output_tree, (constant, *graph.operators), graph.tensors, None
    )
    check(graph, 1, seed)
