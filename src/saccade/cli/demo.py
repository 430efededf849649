"""saccade demo: dense against incremental, side by side, on a scene that the package renders."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def demo(
    out: Annotated[Path, typer.Option(help="Folder for the video and the plot.")] = Path("saccade-demo"),
    frames: Annotated[int, typer.Option(min=2, help="Frames to render.")] = 120,
    json_file: Annotated[Path | None, typer.Option("--json", help="Results to write as JSON.")] = None,
) -> None:
    """Watch a rendered street, dense against incremental; needs no network and no files."""
    raise NotImplementedError
