"""The signal that service managers send ends every verb as Ctrl-C does: in order, with nothing half-written."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType
from typing import Any

INTERRUPTED = 130
"""The exit code after Ctrl-C or SIGTERM."""


@dataclass
class Interruption:
    """Whether the program was told to end.

    Attributes:
        arrived: Ctrl-C was pressed or SIGTERM was sent.
    """

    arrived: bool = False

    def __call__(self, number: int, frame: FrameType | None) -> None:
        """Handles a signal; a second SIGTERM ends the process."""
        self.arrived = True
        if number == signal.SIGTERM:
            signal.signal(number, signal.SIG_DFL)
        raise KeyboardInterrupt


@contextmanager
def termination_is_an_interrupt() -> Iterator[Interruption]:
    """Raises KeyboardInterrupt where Ctrl-C or SIGTERM arrives within the ``with`` block, and remembers that it did."""
    interruption = Interruption()
    with _handled((signal.SIGTERM, *_interrupting(signal.SIGINT)), interruption):
        yield interruption


@contextmanager
def interrupts_held() -> Iterator[None]:
    """Lets Ctrl-C and SIGTERM wait for the end of the ``with`` block; a second one interrupts at once.

    For what has to happen as a whole and takes milliseconds.
    """
    arrived: list[int] = []

    def hold(number: int, frame: FrameType | None) -> None:
        if arrived:
            raise KeyboardInterrupt
        arrived.append(number)

    try:
        with _handled(_interrupting(signal.SIGINT, signal.SIGTERM), hold):
            yield
    finally:
        if arrived:
            signal.raise_signal(arrived[0])


@contextmanager
def _handled(numbers: Iterable[int], handler: Callable[[int, FrameType | None], None]) -> Iterator[None]:
    """Gives signals to a handler within the ``with`` block; outside of the main thread it changes nothing."""
    before: dict[int, Any] = {}
    try:
        for number in numbers:
            before[number] = signal.signal(number, handler)
    except ValueError:  # not in the main thread
        pass
    try:
        yield
    finally:
        for number, earlier in before.items():
            signal.signal(number, earlier or signal.SIG_DFL)


def _interrupting(*numbers: int) -> list[int]:
    """Returns the signals that interrupt here; those that are ignored, or handled outside Python, do not."""
    return [number for number in numbers if callable(signal.getsignal(number))]
