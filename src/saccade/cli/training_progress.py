"""A bar for training on the terminal, and lines where there is none."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

if TYPE_CHECKING:
    from types import TracebackType

    from saccade.training import StepProgress


class StepBar:
    """Shows on stderr how far a run has come and how long it will still take."""

    def __init__(self) -> None:
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[note]}"),
        )
        self._progress = Progress(*columns, console=Console(stderr=True))
        self._task = self._progress.add_task("", total=None, note="")

    def __enter__(self) -> StepBar:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    def start(self, description: str) -> None:
        """Begins a run."""
        self._progress.reset(self._task, description=description, total=None, note="")

    def step(self, told: StepProgress) -> None:
        """Moves on."""
        accuracy = "" if told.accuracy is None else f", accuracy {100 * told.accuracy:.2f} %"
        note = f"loss {told.loss:.3f}, {told.images_per_second:.0f} images/s{accuracy}"
        self._progress.update(self._task, completed=told.step, total=told.steps, note=note)

    def read(self, done: int, total: int) -> None:
        """Moves on while images are decoded."""
        self._progress.update(self._task, completed=done, total=total, note="reading images")

    def say(self, line: str) -> None:
        """Leaves a line above the bar."""
        self._progress.console.print(line, highlight=False, soft_wrap=True)
