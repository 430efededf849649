"""saccade reproduce das-sizes: the sizes that the DAS paper prints, counted again."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def das_sizes(
    out: Annotated[Path, typer.Option(help="Folder for das-sizes.md and das-sizes.json.")],
) -> None:
    """Count again the parameters and FLOPs of the DAS paper's Tables 1, 2 and 4 and of Figure 3's axis."""
    from rich.console import Console
    from rich.progress import Progress

    from saccade.experiments.das_sizes.printed import ROWS
    from saccade.experiments.das_sizes.run import run

    with Progress(console=Console(stderr=True)) as progress:
        task = progress.add_task("counting", total=len(ROWS) + 1)
        findings = run(out, "saccade reproduce das-sizes --out DIR", lambda label: progress.advance(task))
    printed = [row for row in findings.rows if row.printed.parameters is not None]
    matched = [row for row in printed if row.parameters_match() != "no"]
    with_flops = [row for row in findings.rows if row.flops_match()]
    matched_flops = [row for row in with_flops if row.flops_match() != "no"]
    typer.echo(
        f"{len(matched)} of {len(printed)} printed parameters and {len(matched_flops)} of {len(with_flops)} printed "
        f"FLOPs come out to the digit; the report is in {out}"
    )
