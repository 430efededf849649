"""The next batch is made while a device works on this one."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor

from torch import Tensor

from saccade.training.batches import Batches

Batch = tuple[Tensor, Tensor]


class Ahead:
    """Batches that a thread makes one step ahead, in memory that a GPU reads without a copy.

    A batch is a function of its step alone, so making it early changes nothing.

    Args:
        batches: that are made.
    """

    def __init__(self, batches: Batches) -> None:
        self.batches = batches
        self.per_epoch = batches.per_epoch
        self._maker = ThreadPoolExecutor(1, "batches")
        self._step = -1
        self._next: Future[Batch] | None = None

    def at(self, step: int) -> Batch:
        """Returns this process's part of a step's batch, and has the next one made.

        Args:
            step: from 0, over all epochs.
        """
        asked = self._next if self._next is not None and self._step == step else self._maker.submit(self._made, step)
        batch = asked.result()
        self._step, self._next = step + 1, self._maker.submit(self._made, step + 1)
        return batch

    def _made(self, step: int) -> Batch:
        pixels, labels = self.batches.at(step)
        return pixels.pin_memory(), labels.pin_memory()
