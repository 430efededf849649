"""The forms of the deformable convolution on a CPU, by shape: forward alone, and forward and backward.

Run: taskset -c 0 python benchmarks/deformable_forms.py benchmarks/rows/deformable-forms.json "what ran beside"
Cost: two minutes on one core. One thread, float32, channels_last, offsets of about half a place; M compressed channels
and C outputs as DAS has them after the stages of ResNet-18 and -50 at 224x224 (two images), and at 32x32 (64 images) of
CIFAR ResNet-20 of width 16 and of ResNet-18 with a small stem. Beside wall-clock time a row states processor time,
which other programs disturb less.
Aim: form="auto" takes the fastest form of each shape, or one within 10 % of it. It is a contender of its own: how far
it is from the form that it takes shows how steady the times are.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from math import ceil
from pathlib import Path

import torch
from stopwatch import Stopwatch
from torch import Tensor

from saccade.gates.deformable_convolution import deformable_convolution, deformable_convolutions
from saccade.measure import Environment, Record, alternate

ROUNDS = 5
ALPHA = 0.2
SIDE = 3
NETWORKS = {
    "ResNet-50, 224x224": (2, 256, 56, 4),
    "ResNet-18, 224x224": (2, 64, 56, 4),
    "ResNet-18, 32x32": (64, 64, 32, 4),
    "CIFAR ResNet-20, 32x32": (64, 16, 32, 3),
}
"""Images, channels and side of the first stage, and number of stages; each has twice the channels and half the side."""
KERNELS = ("dense", "separable")
WORKS = ("forward", "forward and backward")


def places() -> Iterator[tuple[str, int, int, int]]:
    """Yields name, images, channels and side of every stage."""
    for name, (images, channels, side, stages) in NETWORKS.items():
        for stage in range(stages):
            yield f"{name}, stage {stage + 1}", images, channels << stage, side >> stage


def inputs(images: int, channels: int, size: int, kernel: str) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Returns features, offsets, mask and weight, as DAS makes them."""
    compressed = ceil(ALPHA * channels)
    outputs, depth = (channels, compressed) if kernel == "dense" else (compressed, 1)
    taps = SIDE * SIDE

    def image(count: int) -> Tensor:
        return torch.randn(images, count, size, size).contiguous(memory_format=torch.channels_last)

    weight = torch.randn(outputs, depth, SIDE, SIDE).contiguous(memory_format=torch.channels_last)
    return image(compressed), 0.5 * image(2 * taps), torch.sigmoid(image(taps)), weight


def work(kind: str, form: str, tensors: tuple[Tensor, ...]) -> Callable[[int], object]:
    """Returns a pass forward, or forward and backward, over tensors of its own."""
    gradients = kind != "forward"
    own = [tensor.clone().requires_grad_(gradients) for tensor in tensors]

    def run(number: int) -> object:
        with torch.set_grad_enabled(gradients):
            result = deformable_convolution(*own, form=form)
            if gradients:
                torch.autograd.grad(result.square().mean(), own)
        return None

    return run


def main(path: Path | None, beside: str) -> None:
    """Times all forms alternately at each shape and writes the rows."""
    torch.set_num_threads(1)
    forms = [*deformable_convolutions.names(), "auto"]
    with Record(path, "forms of the deformable convolution") as record:
        for place, images, channels, size in places():
            for kernel in KERNELS:
                tensors = inputs(images, channels, size, kernel)
                for kind in WORKS:
                    contenders = {form: Stopwatch(work(kind, form, tensors)) for form in forms}
                    timings = alternate(contenders, range(ROUNDS + 1))
                    used = {form: 1e3 * watch.median(1) for form, watch in contenders.items()}
                    row = {"place": place, "beside": beside, "images": images, "kernel": kernel, "work": kind}
                    row |= {"compressed": tensors[0].shape[1], "outputs": tensors[3].shape[0], "size": size}
                    row |= {"wall_median_ms": {form: 1e3 * timing.median for form, timing in timings.items()}}
                    row |= {"processor_median_ms": used, "rounds": ROUNDS}
                    record.add(
                        {**row, "environment": Environment.here(1, "python benchmarks/deformable_forms.py").to_dict()}
                    )
                    print(f"{place:32} {kernel:9} {kind:20}", *(f"{form} {time:8.2f}" for form, time in used.items()))


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else None, " ".join(sys.argv[2:]))
