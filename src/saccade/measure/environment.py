"""Where, when and with what a measurement was made."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import sys
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

PACKAGES = ("saccade", "torch", "torchvision", "numpy")


@dataclass(frozen=True)
class Environment:
    """What a benchmark's row says about its origin.

    Args:
        machine: the processor's model.
        instruction_sets: which of AVX2, AVX-512 and NEON the processor has.
        cores: logical processors of the machine.
        pinned_to: the logical processors this process may run on, or None where the system does not tell.
        threads: threads that each contender was given.
        operating_system: name and release.
        accelerators: names of the GPUs that torch sees, where it is loaded.
        versions: version by package, Python among them.
        date: UTC, ISO 8601, to the second.
        command: what was typed, without passwords.
    """

    machine: str
    instruction_sets: tuple[str, ...]
    cores: int
    pinned_to: tuple[int, ...] | None
    threads: int
    operating_system: str
    versions: dict[str, str]
    date: str
    command: str
    accelerators: tuple[str, ...] = ()

    @classmethod
    def here(cls, threads: int, command: str, packages: Iterable[str] = ()) -> Environment:
        """Returns the environment of this process.

        Args:
            threads: threads that each contender is given.
            command: what was typed, without passwords.
            packages: further packages whose versions matter; those not installed are left out.
        """
        return cls(
            machine=processor(),
            instruction_sets=instruction_sets(),
            cores=os.cpu_count() or 1,
            pinned_to=tuple(sorted(os.sched_getaffinity(0))) if hasattr(os, "sched_getaffinity") else None,
            threads=threads,
            operating_system=f"{platform.system()} {platform.release()}",
            versions=_versions([*PACKAGES, *packages]),
            date=datetime.now(timezone.utc).isoformat(timespec="seconds"),
            command=command,
            accelerators=accelerators(),
        )

    def to_dict(self) -> dict[str, Any]:
        """Returns the fields as plain values for JSON."""
        return asdict(self)


def processor(description: Path = Path("/proc/cpuinfo")) -> str:
    """Returns the processor's model, family and stepping where Linux tells them, else what the platform knows."""
    fields = _fields(description)
    if "model name" not in fields:
        return platform.processor() or platform.machine()
    family = fields.get("cpu family")
    return fields["model name"] + (f" (family {family}, model {fields.get('model', '?')})" if family else "")


def instruction_sets(description: Path = Path("/proc/cpuinfo")) -> tuple[str, ...]:
    """Returns which of the vector instruction sets the engine has kernels for are there, where Linux tells."""
    fields = _fields(description)
    flags = fields.get("flags", fields.get("Features", "")).split()
    known = {"avx2": "AVX2", "avx512f": "AVX-512", "asimd": "NEON"}
    return tuple(name for flag, name in known.items() if flag in flags)


def accelerators() -> tuple[str, ...]:
    """Returns the names of the GPUs that torch sees; none where torch is not loaded yet."""
    torch = sys.modules.get("torch")
    if torch is None or not torch.cuda.is_available():
        return ()
    return tuple(torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count()))


def _fields(description: Path) -> dict[str, str]:
    """Returns the first processor's lines of /proc/cpuinfo; empty where there is no such file."""
    try:
        text = description.read_text()
    except OSError:
        return {}
    first = text.strip().split("\n\n")[0]
    pairs = (line.partition(":") for line in first.splitlines())
    return {key.strip(): value.strip() for key, _, value in pairs}


def _versions(packages: Iterable[str]) -> dict[str, str]:
    found = {"python": platform.python_version()}
    for package in packages:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found
