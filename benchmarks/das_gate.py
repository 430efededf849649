"""What DAS costs: ResNet-50 with its four gates beside ResNet-50, and the forms of the deformable convolution.

Run: taskset -c 0 python benchmarks/das_gate.py benchmarks/rows/das-gate.json
Cost: three minutes on one core. 224x224, one thread, float32, random weights with offsets of up to a place, in
channels_last; the plain network in both memory formats, of which the faster counts. Evaluation of one image, and a
training step (forward and backward) on two. Beside wall-clock time a row states processor time, which other programs
disturb less.
Aims: evaluation at most 1.6 times ResNet-50's time with the dense kernel, 1.25 with the separable one.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import torch
import torchvision
from stopwatch import Stopwatch
from torch import Tensor, nn

import saccade.gates
from saccade.measure import Environment, Record, alternate

ROUNDS = {"evaluation": 16, "training": 6}
STAGES = (("layer1", 256), ("layer2", 512), ("layer3", 1024), ("layer4", 2048))
FORMS = ("auto", "torchvision", "grid_sample")


def gated(kernel: str, form: str) -> nn.Module:
    """Returns ResNet-50 with a gate after each stage whose offsets are not zero."""
    torch.manual_seed(0)
    network = torchvision.models.resnet50()
    for name, channels in STAGES:
        gate = saccade.gates.create("das", channels, kernel=kernel, form=form)
        nn.init.normal_(gate.kernel.offset.weight, std=0.02)
        nn.init.normal_(gate.kernel.mask.weight, std=0.02)
        setattr(network, name, nn.Sequential(getattr(network, name), gate))
    return network


def contestants() -> dict[str, tuple[nn.Module, torch.memory_format]]:
    """Returns networks by name, with the memory format of their images."""
    networks: dict[str, tuple[nn.Module, torch.memory_format]] = {
        "ResNet-50, contiguous": (torchvision.models.resnet50(), torch.contiguous_format),
        "ResNet-50, channels_last": (torchvision.models.resnet50(), torch.channels_last),
    }
    for kernel in ("dense", "separable"):
        for form in FORMS:
            networks[f"DAS {kernel}, {form}"] = (gated(kernel, form), torch.channels_last)
    return {name: (net.to(memory_format=layout), layout) for name, (net, layout) in networks.items()}


def evaluation(network: nn.Module, images: Tensor) -> Callable[[int], object]:
    """Returns a forward pass without gradients."""
    network.eval()

    def work(number: int) -> object:
        with torch.inference_mode():
            return network(images)

    return work


def training(network: nn.Module, images: Tensor) -> Callable[[int], object]:
    """Returns a forward and a backward pass."""
    network.train()

    def work(number: int) -> object:
        network.zero_grad(set_to_none=True)
        network(images).square().mean().backward()
        return None

    return work


def measure(
    record: Record, kind: str, images: int, maker: Callable[[nn.Module, Tensor], Callable[[int], object]]
) -> None:
    """Adds a row for each contestant."""
    networks = contestants()
    batch = torch.randn(images, 3, 224, 224)
    contenders = {
        name: Stopwatch(maker(network, batch.contiguous(memory_format=layout)))
        for name, (network, layout) in networks.items()
    }
    timings = alternate(contenders, range(ROUNDS[kind] + 2), warm_up=2)
    used = {name: watch.median(2) for name, watch in contenders.items()}
    plain = [name for name in networks if name.startswith("ResNet")]
    wall_floor, used_floor = min(timings[name].median for name in plain), min(used[name] for name in plain)
    for name, timing in timings.items():
        ratio, used_ratio = timing.median / wall_floor, used[name] / used_floor
        print(f"{kind:10} {name:28} {timing.median * 1e3:8.1f} ms {ratio:6.2f}   processor {used_ratio:6.2f}")
        row = {"contender": name, "work": kind, "images": images, "times_resnet50": ratio}
        row |= {"processor_median_ms": used[name] * 1e3, "processor_times_resnet50": used_ratio}
        environment = Environment.here(1, "python benchmarks/das_gate.py").to_dict()
        record.add({**row, **timing.to_dict(), "environment": environment})


def main(path: Path | None) -> None:
    """Times all contestants alternately and writes the rows."""
    torch.set_num_threads(1)
    with Record(path, "DAS gate") as record:
        measure(record, "evaluation", 1, evaluation)
        measure(record, "training", 2, training)


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else None)
