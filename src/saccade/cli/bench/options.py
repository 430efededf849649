"""What both benchmarks take on the command line."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

PEERS = "eager,compile,onnxruntime,openvino,ncnn"
ACTIVE = "1,0.5,0.2,0.1,0.05,0.02,0"

ModelOption = Annotated[
    str, typer.Option("--model", help="torchvision:NAME, timm:NAME, an ONNX file, or module.path:factory.")
]
WeightsOption = Annotated[
    str | None, typer.Option("--weights", help="A file of weights, or DEFAULT for the published ones.")
]
PeersOption = Annotated[str, typer.Option("--peers", help="Dense runtimes, with commas; 'none' for the engine alone.")]
ThreadsOption = Annotated[int, typer.Option("--threads", min=1, help="Threads of the engine and of every peer.")]
JsonOption = Annotated[Path | None, typer.Option("--json", help="Write the rows to this file.")]


def parse_peers(text: str) -> list[str]:
    """Returns the names of peers from "eager,ncnn"; none from "none".

    Raises:
        RegistryError: a name is unknown.
    """
    from saccade.peers import peers

    if text.strip().lower() in ("", "none"):
        return []
    names = [name.strip() for name in text.split(",") if name.strip()]
    for name in names:
        peers.get(name)
    return list(dict.fromkeys(names))


def parse_shares(text: str) -> list[float]:
    """Returns fractions from "1,0.5,0".

    Raises:
        typer.BadParameter: a part is no number from 0 to 1.
    """
    try:
        shares = [float(part) for part in text.split(",")]
    except ValueError:
        shares = [-1.0]
    if not all(0.0 <= share <= 1.0 for share in shares):
        raise typer.BadParameter(f"{text!r} is no list of fractions; expected numbers from 0 to 1, such as {ACTIVE}")
    return list(dict.fromkeys(shares))
