"""Single layers: GFLOP/s and GB/s of each instruction set's kernels, against the peaks measured in the same run.

Run: taskset -c 1 python benchmarks/kernels.py benchmarks/rows/kernels.json
Cost: about a minute. A 3 x 3 convolution by Winograd's algorithm is counted with the multiply-adds of a direct one, so
that its share of the peak may exceed 1. Bytes are those of input, output, residual and weights, each once.
"""

from __future__ import annotations

import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from torch import nn

import saccade
from saccade.measure import Environment, Record, Timing
from saccade.runtime import native, native_information

ROUNDS = 12
SHARES = (1.0, 0.1)
COPIED = 64 * 2**20


@dataclass(frozen=True)
class Layer:
    """A convolution of ``channels_in`` to ``channels_out`` on a map of height x width (the input's)."""

    name: str
    channels_in: int
    channels_out: int
    height: int
    width: int
    kernel: int = 3
    stride: int = 1
    groups: int = 1
    residual: bool = False


LAYERS = (
    Layer("first of ResNet", 3, 64, 384, 640, kernel=7, stride=2),
    Layer("first of MobileNetV2", 3, 32, 384, 640, stride=2),
    Layer("3x3, 64", 64, 64, 96, 160),
    Layer("3x3, 64, residual", 64, 64, 96, 160, residual=True),
    Layer("3x3, 256", 256, 256, 24, 40),
    Layer("3x3, 512, small map", 512, 512, 12, 20),
    Layer("3x3 stride 2", 128, 256, 48, 80, stride=2),
    Layer("1x1 narrowing", 256, 64, 96, 160, kernel=1),
    Layer("1x1 widening", 64, 256, 96, 160, kernel=1),
    Layer("1x1, residual", 256, 256, 24, 40, kernel=1, residual=True),
    Layer("1x1 stride 2", 256, 512, 96, 160, kernel=1, stride=2),
    Layer("1x1 from 16", 16, 96, 192, 320, kernel=1),
    Layer("1x1 to 24", 144, 24, 96, 160, kernel=1),
    Layer("depthwise 3x3", 144, 144, 96, 160, groups=144),
    Layer("depthwise 3x3, deep", 384, 384, 24, 40, groups=384),
    Layer("depthwise 3x3 stride 2", 96, 96, 192, 320, stride=2, groups=96),
)


class Network(nn.Module):
    """One layer with a ReLU, and its input added before that where it has a residual."""

    def __init__(self, layer: Layer) -> None:
        super().__init__()
        padding = layer.kernel // 2
        self.convolution = nn.Conv2d(
            layer.channels_in, layer.channels_out, layer.kernel, layer.stride, padding, groups=layer.groups
        )
        self.residual = layer.residual

    def forward(self, frame: torch.Tensor) -> torch.Tensor:
        """Takes (N, C, H, W)."""
        output = self.convolution(frame)
        return torch.relu(output + frame if self.residual else output)


def bytes_moved(layer: Layer) -> int:
    """Bytes of everything that a dense pass touches, once."""
    places = layer.height * layer.width
    outputs = -(-layer.height // layer.stride) * -(-layer.width // layer.stride)
    weights = layer.channels_out * layer.channels_in // layer.groups * layer.kernel**2
    floats = places * layer.channels_in + outputs * layer.channels_out * (2 if layer.residual else 1) + weights
    return 4 * floats


def peak(instruction_set: str) -> float:
    """The most GFLOP/s of one core, by multiply-adds that touch no memory."""
    best = 0.0
    for _ in range(10):
        began = time.perf_counter()
        done = native.multiply_adds(instruction_set, 1_000_000)
        best = max(best, 2 * done / (time.perf_counter() - began) / 1e9)
    return best


def copy_bandwidth() -> float:
    """The most GB/s of one core, read and written, that copying memory larger than the caches takes."""
    source = torch.zeros(COPIED // 4)
    target = torch.zeros_like(source)
    best = 0.0
    for _ in range(10):
        began = time.perf_counter()
        target.copy_(source)
        best = max(best, 2 * COPIED / (time.perf_counter() - began) / 1e9)
    return best


def time_layer(layer: Layer, instruction_set: str, share: float) -> tuple[Timing, int]:
    """Times the layer alone, by the engine's own clock, and returns its multiply-adds too."""
    frame = torch.rand(1, layer.channels_in, layer.height, layer.width)
    session = saccade.compile(Network(layer).eval(), frame, threads=1, instruction_set=instruction_set).session()
    session(frame)
    seconds = []
    for number in range(ROUNDS + 2):
        before = session.report().operators[0]
        session.run_with_activity(frame, share, 0)
        after = session.report().operators[0]
        if number >= 2:
            seconds.append(after.seconds - before.seconds)
    return Timing(tuple(seconds)), after.macs_done - before.macs_done


def main(path: Path | None) -> None:
    """Times all layers for all instruction sets and writes the rows."""
    torch.manual_seed(0)
    torch.set_num_threads(1)
    environment = Environment.here(1, "python benchmarks/kernels.py").to_dict()
    with Record(path, "kernels") as record:
        bandwidth = copy_bandwidth()
        print(f"copying: {bandwidth:.1f} GB/s")
        for name in native_information()["instruction_sets"]:
            most = peak(name)
            print(f"\n{name}: at most {most:.1f} GFLOP/s")
            for layer in LAYERS:
                for share in SHARES:
                    timing, macs = time_layer(layer, name, share)
                    speed = 2 * macs / timing.median / 1e9
                    moved = bytes_moved(layer) / timing.median / 1e9 if share == 1.0 else None
                    shown = f"{moved:6.1f} GB/s" if moved else ""
                    print(
                        f"{layer.name:24} {share:4.0%} {timing.median * 1e3:8.3f} ms {speed:7.1f} GFLOP/s "
                        f"{speed / most:5.0%} {shown}"
                    )
                    record.add(
                        {
                            "contender": name,
                            "layer": asdict(layer),
                            "active": share,
                            "gflops": speed,
                            "peak_gflops": most,
                            "gigabytes_a_second": moved,
                            "copy_gigabytes_a_second": bandwidth,
                            **timing.to_dict(),
                            "environment": environment,
                        }
                    )


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else None)
