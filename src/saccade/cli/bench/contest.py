"""The engine and its dense peers, ready to be timed on one model, and what a row says of them."""

from __future__ import annotations

import math
import shlex
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table
    from torch import Tensor

    from saccade.cli.models import ChosenModel
    from saccade.measure import Contestant, Environment, Timing

ENGINE = "saccade"
PACKAGES = ("timm", "onnx", "onnxruntime", "openvino", "ncnn", "pnnx")


@dataclass(frozen=True)
class Contest:
    """Who takes part, on what.

    Attributes:
        chosen: the model.
        frame: the example, N,C,H,W float32.
        contestants: every peer asked for, the missing ones with their reasons.
        environment: machine, date, versions, threads and command.
    """

    chosen: ChosenModel
    frame: Tensor
    contestants: list[Contestant]
    environment: Environment

    @property
    def runnable(self) -> dict[str, Callable[[Tensor], list[Tensor]]]:
        """The peers that can be timed, by name."""
        return {entry.name: entry.prepared for entry in self.contestants if entry.prepared is not None}

    def reference(self, frame: Tensor) -> list[Tensor] | None:
        """Returns the right outputs: eager torch's, for an ONNX file the first peer's; None where nobody can tell."""
        from torch import nn

        from saccade.peers import example_outputs

        if isinstance(self.chosen.model, nn.Module):
            return example_outputs(self.chosen.model, frame)
        for peer in self.runnable.values():
            return [output.clone() for output in peer(frame)]
        return None

    def strongest(self, seconds: Mapping[str, float]) -> str | None:
        """Returns the quickest peer whose outputs are right, given each peer's time; None when there is none."""
        right = [entry.name for entry in self.contestants if entry.prepared is not None and not entry.wrong]
        return min(right, key=lambda name: seconds[name], default=None)

    def row(self, contender: Mapping[str, object], timing: Timing | None) -> dict[str, Any]:
        """Returns a row for a file: the contender, its times, the model and where all this was measured.

        An infinite error, which JSON lacks, becomes None.
        """
        return {
            **{key: None if value in (math.inf, -math.inf) else value for key, value in contender.items()},
            **(timing.to_dict() if timing is not None else {}),
            "model": self.chosen.name,
            "shape": list(self.frame.shape),
            "environment": self.environment.to_dict(),
        }


def prepare_contest(chosen: ChosenModel, frame: Tensor, names: list[str], threads: int, console: Console) -> Contest:
    """Returns the contest with every peer prepared; says on the console what is being prepared."""
    from saccade.measure import Environment, prepare_contestants
    from saccade.video.address import redact

    with console.status("preparing") as status:
        contestants = prepare_contestants(
            names, chosen.model, frame, threads, on_start=lambda name: status.update(f"preparing {name}")
        )
    command = redact(shlex.join(["saccade", *sys.argv[1:]]))
    environment = Environment.here(threads, command, PACKAGES)
    return Contest(chosen, frame, contestants, environment)


@contextmanager
def rounds_shown(console: Console, title: str, total: int | None) -> Iterator[Callable[[], None]]:
    """Shows a progress bar; gives the function that advances it by one."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    with Progress(*columns, console=console) as progress:
        task = progress.add_task(title, total=total)
        yield lambda: progress.advance(task)


def results_table(title: str, columns: tuple[str, ...], strongest: str | None, environment: Environment) -> Table:
    """Returns an empty table whose caption says what the speed-up is over and where the numbers come from."""
    from rich.table import Table

    over = f"speed-up over {strongest}, the strongest peer" if strongest else "no peer to compare with"
    table = Table(title=title, caption=f"{over}\n{origin(environment)}")
    for column in columns:
        table.add_column(column, no_wrap=True, justify="left" if column == "contender" else "right")
    return table


def print_results(table: Table, contest: Contest) -> None:
    """Prints the table, and below it the reason of every peer that is missing from it."""
    from rich.console import Console

    console = Console()
    console.print(table)
    for entry in contest.contestants:
        if entry.missing is not None:
            console.print(f"missing: {entry.name}, {entry.missing}", markup=False, highlight=False)


def origin(environment: Environment) -> str:
    """Returns one line that says where the numbers come from."""
    pinned = environment.pinned_to
    everywhere = pinned is None or len(pinned) == environment.cores
    where = "not pinned" if everywhere else f"pinned to processor {', '.join(map(str, pinned or ()))}"
    threads = f"{environment.threads} thread{'s' if environment.threads > 1 else ''}"
    return f"{environment.machine}, {environment.cores} processors; {threads}, {where}; {environment.date}"


def milliseconds(timing: Timing) -> tuple[str, str]:
    """Returns the median and the quartiles for a table."""
    lower, upper = timing.quartiles
    return f"{timing.median * 1e3:.2f}", f"{lower * 1e3:.2f} - {upper * 1e3:.2f}"
