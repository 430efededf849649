"""Gated networks in the engine: all active and a tenth of the frame changed, beside eager torch and the plain network.

Run: taskset -c 0 python benchmarks/gated_network.py benchmarks/rows/gated-network.json
Cost: two minutes on one core. 224x224, one thread, float32, exact policy, random weights with offsets of up to a place;
eager torch in channels_last. A row states processor time, which other programs disturb less than wall-clock
time, and the relative L2 error against eager torch.
Floor: a gate that sees the whole frame (a norm over places, a global pool) changes everywhere whenever anything does.
Behind it an exact stream saves nothing, and before it as much as without a gate.
"""

from __future__ import annotations

import sys
from pathlib import Path

import torch
from stopwatch import Stopwatch
from torch import Tensor, nn

import saccade
import saccade.models
from saccade.gates.deformable_kernel import DeformableKernel
from saccade.measure import Environment, Record

ROUNDS = 12
WARM_UP = 2
SIDE = 224
NETWORKS = ("resnet18", "resnet50")
GATES: dict[str, dict[str, str]] = {
    "none": {},
    "das": {"gate": "das"},
    "das separable": {"gate": "das", "kernel": "separable"},
    "se": {"gate": "se"},
}


def network(name: str, options: dict[str, str]) -> nn.Module:
    """Returns a network whose deformable kernels look around."""
    torch.manual_seed(0)
    made = saccade.models.create(name, **options).eval()
    for part in made.modules():
        if isinstance(part, DeformableKernel):
            nn.init.normal_(part.offset.weight, std=0.02)
            nn.init.normal_(part.mask.weight, std=0.02)
    return made.to(memory_format=torch.channels_last)


def frames() -> list[Tensor]:
    """Returns frames that share nothing, (1, 3, SIDE, SIDE)."""
    generator = torch.Generator().manual_seed(1)
    return [torch.rand(1, 3, SIDE, SIDE, generator=generator) for _ in range(ROUNDS + WARM_UP)]


def with_change(frame: Tensor) -> Tensor:
    """Returns a copy of which a square of a tenth of the places differs."""
    changed = frame.clone()
    side = round(SIDE * 0.1**0.5)
    changed[:, :, 60 : 60 + side, 80 : 80 + side] = 0.5
    return changed


def measure(record: Record, name: str) -> None:
    """Adds a row for each gate and way of running."""
    networks = {gate: network(name, options) for gate, options in GATES.items()}
    streams = {gate: saccade.incremental(made, threads=1) for gate, made in networks.items()}
    errors = dict.fromkeys(GATES, 0.0)
    contenders: dict[tuple[str, str], Stopwatch[Tensor]] = {}
    for gate, made in networks.items():
        contenders[gate, "eager"] = Stopwatch(lambda frame, made=made: made(_channels_last(frame)))
        contenders[gate, "all active"] = Stopwatch(lambda frame, stream=streams[gate]: stream(frame))
        contenders[gate, "a tenth changed"] = Stopwatch(lambda frame, stream=streams[gate]: stream(with_change(frame)))
    # A stream meets each frame first whole and then with a change; the contenders take turns on every frame.
    with torch.inference_mode():
        for frame in frames():
            for watch in contenders.values():
                watch(frame)
        for gate, made in networks.items():
            expected = made(_channels_last(frame))
            errors[gate] = float((streams[gate].dense(frame) - expected).norm() / expected.norm())
    for (gate, way), watch in contenders.items():
        eager = contenders[gate, "eager"].median(WARM_UP)
        report = streams[gate].report()
        fallbacks = sum(operator.kind == "fallback" for operator in report.operators)
        median = watch.median(WARM_UP)
        row = {"network": name, "gate": gate, "way": way, "processor_median_ms": median * 1e3}
        row |= {"of_eager": median / eager, "error": errors[gate], "fallbacks": fallbacks}
        print(f"{name} {gate:14} {way:16} {median * 1e3:8.1f} ms  {row['of_eager']:.2f} of eager")
        record.add(row | {"environment": Environment.here(1, "python benchmarks/gated_network.py").to_dict()})


def _channels_last(frame: Tensor) -> Tensor:
    return frame.contiguous(memory_format=torch.channels_last)


def main(path: Path | None) -> None:
    """Measures every network and writes the rows."""
    torch.set_num_threads(1)
    with Record(path, "gated network") as record:
        for name in NETWORKS:
            measure(record, name)


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else None)
