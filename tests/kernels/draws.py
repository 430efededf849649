"""What the tests of native operators draw: sizes, windows and weights."""

from __future__ import annotations

import torch
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

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


def window_before(
    output: tuple[int, ...], kernel: int, stride: int, dilation: int, padding: int
) -> dict[str, tuple[int, ...]]:
    """Returns a square window and the map on which it gives an ``output`` of that size; unpadded where none would."""
    size = tuple((side - 1) * stride + (kernel - 1) * dilation + 1 - 2 * padding for side in output)
    if min(size) < 1:
        return window_before(output, kernel, stride, dilation, 0)
    return {
        "kernel": (kernel, kernel),
        "stride": (stride, stride),
        "padding": (padding,) * 4,
        "dilation": (dilation, dilation),
        "size": size,
    }
