"""Native convolutions and linear layers against their definition in torch, for every instruction set."""

from __future__ import annotations

from draws import (
    batches,
    channel_counts,
    dilations,
    few,
    kernels,
    outputs_of,
    seeds,
    sides,
    strides,
    threads,
    weights,
    windows,
)
from hypothesis import given
from hypothesis import strategies as st
from single import check, single

from saccade.graph import Convolution, DeformableConvolution, Graph, Linear, TransposedConvolution


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
