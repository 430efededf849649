"""The change-driven convolution paper's small network (Borji 2024, Fig. 3): the engine beside eager torch.

Run: taskset -c 1 python benchmarks/small_network.py benchmarks/rows/small-network.json
Cost: a few seconds. Rows: an unchanged frame, a changed region of 28 x 30, every place changed; eager in channels_last.
"""

from __future__ import annotations

import sys
from pathlib import Path

import torch
from torch import nn

import saccade
from saccade.measure import Environment, Record, alternate

ROUNDS = 400


def network() -> nn.Module:
    """Returns the paper's network for images of 64 x 64, with random weights."""
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(1, 32, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(32, 64, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(64 * 16 * 16, 128),
        nn.ReLU(),
        nn.Linear(128, 10),
    ).eval()


def main(path: Path | None) -> None:
    """Times all contenders alternately and writes the rows."""
    torch.set_num_threads(1)
    frame = torch.randn(1, 1, 64, 64)
    region = [frame, frame.clone()]
    region[1][:, :, 10:38, 10:40] += 1
    whole = [frame, torch.randn_like(frame)]
    streams = [saccade.incremental(network(), threads=1) for _ in range(3)]
    eager = network().to(memory_format=torch.channels_last)
    inputs = frame.contiguous(memory_format=torch.channels_last)

    def run_eager(number: int) -> torch.Tensor:
        with torch.inference_mode():
            return eager(inputs)

    contenders = {
        "engine, unchanged frame": lambda number: streams[0](frame),
        "engine, 28x30 region changed": lambda number: streams[1](region[number % 2]),
        "engine, every place changed": lambda number: streams[2](whole[number % 2]),
        "torch eager, channels_last": run_eager,
    }
    with Record(path, "small network") as record:
        timings = alternate(contenders, range(ROUNDS), warm_up=20)
        environment = Environment.here(1, "python benchmarks/small_network.py").to_dict()
        for name, timing in timings.items():
            print(f"{name:32} {timing.median * 1e6:8.1f} us")
            record.add({"contender": name, **timing.to_dict(), "environment": environment})


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else None)
