"""saccade reproduce spatial-attention: the change-driven convolution paper, as published and as it should have been."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from saccade.experiments.spatial_attention.report import Findings
    from saccade.experiments.spatial_attention.settings import Settings


class Direction(str, Enum):
    """Where the digit moves."""

    right = "right"
    left = "left"
    up = "up"
    down = "down"


class Norm(str, Enum):
    """How a change at the input is measured over a receptive field."""

    l1 = "l1"
    l2 = "l2"


def spatial_attention(
    out: Annotated[Path, typer.Option(help="Folder for the weights, tables and figures.")],
    data: Annotated[
        Path | None, typer.Option(help="Folder with MNIST's files; without any, scikit-learn's digits are used.")
    ] = None,
    download: Annotated[bool, typer.Option("--download", help="Fetch MNIST into the data folder.")] = False,
    fast: Annotated[bool, typer.Option("--fast", help="One epoch, few digits, a small scene: 3 minutes.")] = False,
    direction: Annotated[Direction, typer.Option(help="Where the digit moves.")] = Direction.right,
    shift: Annotated[int, typer.Option(help="Pixels a frame, 1 to 18 in all.")] = 1,
    norm: Annotated[Norm, typer.Option(help="Of the change at the input.")] = Norm.l1,
    threshold: Annotated[float, typer.Option(help="Tau, for Table 1 and Figure 5.")] = 1.0,
    fix_aperture: Annotated[bool, typer.Option(help="Move the digit whole in the corrected sequence.")] = True,
    fix_background: Annotated[bool, typer.Option(help="Black behind it in the corrected sequence.")] = True,
    compare_outputs: Annotated[
        bool, typer.Option("--compare-outputs", help="CNN3 passes on as changed only what came out different.")
    ] = False,
    blank_frame: Annotated[
        bool, typer.Option("--blank-frame", help="CNN3's sequences begin with a black frame, not with a map of ones.")
    ] = False,
    draws: Annotated[int | None, typer.Option(min=1, help="Draws of digits that are timed.")] = None,
    epochs: Annotated[int | None, typer.Option(min=1, help="Passes over the training digits.")] = None,
    threads: Annotated[int, typer.Option(min=1, help="Threads of every contender.")] = 1,
    seed: Annotated[int, typer.Option(help="Of the weights and of the draws.")] = 0,
) -> None:
    """Reproduce the change-driven convolution paper: Table 1, Figures 4 to 6, and what it leaves open."""
    from saccade.experiments.spatial_attention.digits import load_digits
    from saccade.experiments.spatial_attention.run import prepare_folder, run
    from saccade.experiments.spatial_attention.settings import Settings

    base = Settings.fast_run() if fast else Settings()
    settings = replace(
        base,
        direction=direction.value,
        shift=shift,
        norm=norm.value,
        threshold=threshold,
        compare_outputs=compare_outputs,
        blank_frame=blank_frame,
        fix_aperture=fix_aperture,
        fix_background=fix_background,
        timed_draws=draws or base.timed_draws,
        training=replace(base.training, epochs=epochs or base.training.epochs, seed=seed),
        threads=threads,
        seed=seed,
    )
    digits = load_digits(data, download=download)
    prepare_folder(out)
    typer.echo(f"digits: {digits.source}")
    with _progress() as track:
        findings = run(digits, settings, out, _command(settings, base, data is not None), track)
    _print(findings, out)


def _command(settings: Settings, base: Settings, with_data: bool) -> str:
    """Returns what was typed, without the folders' names, which belong to the machine."""
    words = ["saccade reproduce spatial-attention", *(["--data DIR"] if with_data else []), "--out DIR"]
    words += ["--fast"] if settings.fast else []
    for name in ("direction", "shift", "norm", "threshold", "threads", "seed"):
        if getattr(settings, name) != getattr(base, name):
            words.append(f"--{name} {getattr(settings, name)}")
    words += ["--compare-outputs"] if settings.compare_outputs else []
    words += ["--blank-frame"] if settings.blank_frame else []
    words += [] if settings.fix_aperture else ["--no-fix-aperture"]
    words += [] if settings.fix_background else ["--no-fix-background"]
    if settings.timed_draws != base.timed_draws:
        words.append(f"--draws {settings.timed_draws}")
    if settings.training.epochs != base.training.epochs:
        words.append(f"--epochs {settings.training.epochs}")
    return " ".join(words)


@contextmanager
def _progress() -> Iterator[Callable[[str, int], Callable[[str], None]]]:
    """Shows a bar for every stage on stderr; gives the function that begins one."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns: list[Any] = [TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()]
    console = Console(stderr=True)
    with Progress(*columns, console=console) as progress:

        def track(stage: str, steps: int) -> Callable[[str], None]:
            if not console.is_terminal:  # a bar is drawn once at the end there, which would be long to wait for
                typer.echo(f"{stage} ...", err=True)
            task = progress.add_task(stage, total=steps)
            return lambda line: progress.advance(task)

        yield track


def _print(findings: Findings, out: Path) -> None:
    from rich.console import Console
    from rich.table import Table

    from saccade.experiments.spatial_attention import table_1

    console = Console()
    table = Table(title="Table 1: accuracy, and seconds for 110 frames", title_justify="left")
    for heading in ("experiment", "contender", "accuracy %", "paper", "seconds", "paper", "work"):
        table.add_column(heading, justify="left" if heading in ("experiment", "contender") else "right")
    for row in findings.rows:
        paper = (f"{row.paper[0]:.2f}", f"{row.paper[1]:g}") if row.paper else ("", "")
        table.add_row(
            row.experiment, row.contender, f"{100 * row.quality.accuracy:.2f}", paper[0], f"{row.median:.4g}", paper[1],
            f"{row.quality.work:.1%}",
        )  # fmt: skip
    console.print(table)
    for experiment, of in table_1.ratios(findings.rows).items():
        console.print(
            f"{experiment}: CNN3 published / CNN2 {of['cnn3_as_published_over_cnn2']:.3f}, corrected / CNN2 "
            f"{of['cnn3_corrected_over_cnn2']:.3f}; the engine is {of['cnn1_over_engine']:.1f} times faster than CNN1",
            highlight=False,
        )
    console.print(f"wrote the report, its figures and the weights to {out}", highlight=False)
