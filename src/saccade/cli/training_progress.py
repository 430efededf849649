"""A bar for training on the terminal, and lines where there is none."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn

if TYPE_CHECKING:
    from types import TracebackType

    from saccade.training import StepProgress


class StepBar:
    """Shows on stderr how far a run has come and how long it will still take: a bar, or where stderr is no terminal a
    line an epoch.

    Args:
        measure: what a run's accuracy is.
    """

    def __init__(self, measure: str = "accuracy") -> None:
        self._measure = measure
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.fields[note]}"),
        )
        self._shown = Console(stderr=True)
        self._progress = Progress(*columns, console=self._shown, disable=not self._shown.is_terminal)
        self._tasks: dict[str, TaskID] = {}

    def __enter__(self) -> StepBar:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    def start(self, description: str) -> None:
        """Begins a run."""
        self._tasks[description] = self._progress.add_task(description, total=None, note="")

    def end(self, description: str) -> None:
        """Takes a run's bar away."""
        if description in self._tasks:
            self._progress.remove_task(self._tasks.pop(description))

    def step(self, told: StepProgress, description: str) -> None:
        """Moves a run on."""
        accuracy = "" if told.accuracy is None else f", {self._measure} {100 * told.accuracy:.2f} %"
        left = "" if told.seconds_left is None else f", {duration(told.seconds_left)} left"
        note = f"loss {told.loss:.3f}, {told.images_per_second:.0f} images/s{accuracy}{left}"
        if told.epoch_ended and not self._shown.is_terminal:
            self.say(f"{description}: step {told.step:,} of {told.steps:,}, {note}")
        self._progress.update(self._tasks[description], completed=told.step, total=told.steps, note=note)

    def read(self, done: int, total: int) -> None:
        """Moves on while images are decoded."""
        reading = "reading data"
        if reading not in self._tasks:
            self.start(reading)
        self._progress.update(self._tasks[reading], completed=done, total=total, note=f"{done:,} of {total:,}")
        if done == total:
            self.end(reading)

    def say(self, line: str) -> None:
        """Leaves a line above the bar."""
        self._shown.print(line, highlight=False, soft_wrap=True)


def duration(seconds: float) -> str:
    """Returns a time as h:mm:ss."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02}:{rest:02}"
