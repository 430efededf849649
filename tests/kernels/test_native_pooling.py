"""Native pools and upsampling against their definition in torch, for every instruction set."""

from __future__ import annotations

from draws import batches, channel_counts, few, outputs_of, seeds, sides, threads, windows
from hypothesis import given
from hypothesis import strategies as st
from single import check, single

from saccade.graph import AdaptiveAveragePool, AveragePool, MaxPool, Upsample


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
