"""One thread against two, alone and beside a busy neighbour, and each instruction set against the best.

Run: python benchmarks/threads.py benchmarks/rows/threads.json
Cost: about three minutes on two cores. ResNet-18 at 384x640; the same share of places is active in every operator.
"""

from __future__ import annotations

import multiprocessing
import os
import sys
from pathlib import Path

import torch
import torchvision

import saccade
from saccade.measure import Environment, Record, alternate
from saccade.runtime import native_information

ROUNDS = 24
SHARES = (1.0, 0.1, 0.05)


def spin() -> None:
    """Keeps the second core busy."""
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    while True:
        pass


def main(path: Path | None) -> None:
    """Times all contenders alternately and writes the rows."""
    torch.manual_seed(0)
    torch.set_num_threads(1)
    model = torchvision.models.resnet18().eval()
    frame = torch.rand(1, 3, 384, 640)
    sets = native_information()["instruction_sets"]
    sessions = {}
    for threads, name in [(1, sets[0]), (2, sets[0]), *((1, other) for other in sets[1:])]:
        session = saccade.compile(model, frame, threads=threads, instruction_set=name).session()
        session(frame)
        sessions[f"{name}, {threads} thread{'s' if threads > 1 else ''}"] = session
    with Record(path, "threads") as record:
        for neighbour in (False, True):
            process = multiprocessing.get_context("spawn").Process(target=spin, daemon=True) if neighbour else None
            if process:
                process.start()
            for share in SHARES:
                measure(record, sessions, frame, share, neighbour)
            if process:
                process.terminate()
                process.join()


def measure(
    record: Record, sessions: dict[str, saccade.Session], frame: torch.Tensor, share: float, busy: bool
) -> None:
    """Adds a row for each session at one share."""
    contenders = {
        name: (lambda number, session=session: session.run_with_activity(frame, share, 0))
        for name, session in sessions.items()
        if not (busy and "1 thread" in name and name.split(",")[0] != next(iter(sessions)).split(",")[0])
    }
    timings = alternate(contenders, range(ROUNDS), warm_up=2, settle=True)
    beside = "beside a busy core" if busy else "alone"
    for name, timing in timings.items():
        print(f"{share:4.0%} active, {beside}: {name:22} {timing.median * 1e3:8.2f} ms")
        environment = Environment.here(2 if "2 threads" in name else 1, "python benchmarks/threads.py").to_dict()
        row = {"contender": name, "active": share, "neighbour_busy": busy}
        record.add({**row, **timing.to_dict(), "environment": environment})


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else None)
