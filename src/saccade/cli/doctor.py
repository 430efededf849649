"""saccade doctor: what this machine offers, and whether the kernels work on it."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

PEERS = ("onnxruntime", "openvino", "ncnn")
_FAILED = 1


def doctor(
    json_file: Annotated[Path | None, typer.Option("--json", help="Findings to write as JSON.")] = None,
) -> None:
    """Show versions, instruction set, threads and peers, and test the kernels."""
    from saccade.cli.outputs import check_outputs
    from saccade.cli.versions import versions
    from saccade.video.sinks import check_writable, write_json

    check_outputs({"--json": json_file})
    if json_file is not None:
        check_writable(json_file, "the findings")
    findings: dict[str, Any] = {
        "versions": versions(),
        "machine": _machine(),
        "peers": _peers(),
        "video": _video(),
        "native": _native(),
        "self_test": _self_test(),
    }
    _print(findings)
    if json_file is not None:
        write_json(json_file, findings)
    if not all(test["passed"] for test in findings["self_test"]):
        raise typer.Exit(_FAILED)


def _machine() -> dict[str, Any]:
    import torch

    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "cores usable by this process": usable,
        "torch threads": torch.get_num_threads(),
        "torch instruction set": torch.backends.cpu.get_cpu_capability(),
    }


def _processor() -> str:
    """Returns the processor's name as the system tells it."""
    import platform

    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def _peers() -> dict[str, str]:
    from saccade.cli.versions import version_of

    found = {peer: version_of(peer) or "missing" for peer in PEERS}
    compiler = os.environ.get("CXX") or next(
        (name for name in ("g++", "clang++", "c++", "cl") if shutil.which(name)), None
    )
    found["torch.compile"] = f"compiler {compiler}" if compiler else "missing: no C++ compiler"
    return found


def _video() -> dict[str, str]:
    import av

    encoder = "libx264" if "libx264" in av.codec.codecs_available else "mpeg4"
    return {"encoder": encoder, "FFmpeg": str(av.ffmpeg_version_info)}


def _native() -> dict[str, Any]:
    from saccade import runtime

    return dict(runtime.native_information())


def _self_test() -> list[dict[str, Any]]:
    from saccade import runtime

    return [{"name": name, "passed": bool(passed), "detail": detail} for name, passed, detail in runtime.self_test()]


def _print(findings: dict[str, Any]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(show_header=False, box=None, pad_edge=False)
    for heading in ("versions", "machine", "peers", "video", "native"):
        table.add_row(f"[bold]{heading}[/bold]", "")
        for name, value in findings[heading].items():
            shown = ", ".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value or "missing")
            table.add_row(f"  {name}", shown)
    table.add_row("[bold]self-test[/bold]", "")
    for test in findings["self_test"]:
        verdict = "[green]passed[/green]" if test["passed"] else "[red]FAILED[/red]"
        table.add_row(f"  {test['name']}", f"{verdict} {test['detail']}")
    Console(file=sys.stdout).print(table)
