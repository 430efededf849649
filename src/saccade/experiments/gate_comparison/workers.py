"""Several runs at a time: a process each, which takes the next run when it has finished one."""

from __future__ import annotations

import multiprocessing
import queue
import time
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import torch

from saccade.errors import ProcessError, SaccadeError
from saccade.experiments.gate_comparison.job import Finished, Job, Settings, carry_out
from saccade.training import StepProgress

SECONDS_BETWEEN_MESSAGES = 0.5
SECONDS_OF_PATIENCE = 2.0


def carry_out_in_workers(
    jobs: Sequence[Job],
    settings: Settings,
    devices: int,
    environment: Callable[[], Mapping[str, Any]],
    on_run: Callable[[str, int, Finished | None], None] | None,
    on_step: Callable[[str, int, StepProgress], None] | None,
) -> Iterator[Finished]:
    """Yields finished runs as they come; where one fails the others are stopped, and can be gone on with later.

    Args:
        jobs: to do, in order.
        settings: of the comparison; say how many processes there are.
        devices: among which the processes are shared.
        environment: called once a run, in its process.
        on_run: called here with label and seed when a run begins, and with what came out.
        on_step: called here with label, seed and how far a run has come, twice a second at most.

    Raises:
        SaccadeError: a run failed.
        ProcessError: a process was killed, or failed in a way that is no mistake of the user's.
    """
    context = multiprocessing.get_context("spawn")
    waiting, messages = context.Queue(), context.Queue()
    count = settings.at_a_time
    for job in [*jobs, *[None] * count]:
        waiting.put(job)
    workers = [
        # Not as daemons, which may have no processes of their own to decode images.
        context.Process(target=_work, args=(index % devices, settings, environment, waiting, messages))
        for index in range(count)
    ]
    for worker in workers:
        worker.start()
    try:
        left = len(jobs)
        while left:
            label, seed, content = _message(messages, workers)
            if isinstance(content, BaseException):
                raise content
            if isinstance(content, StepProgress):
                if on_step is not None:
                    on_step(label, seed, content)
                continue
            if on_run is not None:
                on_run(label, seed, content)
            if content is not None:
                left -= 1
                yield content
    finally:
        for worker in workers:
            worker.terminate()
            worker.join()


def _message(messages: Any, workers: Sequence[Any]) -> tuple[str, int, Finished | StepProgress | SaccadeError | None]:
    """Returns the next message.

    Raises:
        ProcessError: there is none, and a process is dead.
    """
    while True:
        dead = [worker for worker in workers if worker.exitcode not in (None, 0)]
        try:
            return messages.get(timeout=SECONDS_OF_PATIENCE)  # type: ignore[no-any-return]
        except queue.Empty:
            if dead:
                raise ProcessError(
                    f"a process of the comparison has ended with code {dead[0].exitcode} (out of memory?); the same "
                    "command goes on with what is finished"
                ) from None


def _work(
    device: int, settings: Settings, environment: Callable[[], Mapping[str, Any]], waiting: Any, messages: Any
) -> None:
    """Does runs until there are none, in a process of its own."""
    if settings.accelerator == "cpu":
        torch.set_num_threads(settings.threads)
    last = 0.0

    def tell(label: str, seed: int, told: StepProgress) -> None:
        nonlocal last
        parent = multiprocessing.parent_process()
        if parent is not None and not parent.is_alive():
            raise SystemExit("the comparison was killed; its state is kept")
        if told.epoch_ended or time.monotonic() - last >= SECONDS_BETWEEN_MESSAGES:
            last = time.monotonic()
            messages.put((label, seed, told))

    while (job := waiting.get()) is not None:
        messages.put((job.label, job.seed, None))
        content: Finished | SaccadeError
        try:
            content = carry_out(job, settings, environment, tell, 1 if settings.accelerator == "cpu" else f"{device},")
        except SaccadeError as error:
            content = error
        except Exception as error:
            reason = f"{type(error).__name__}: {error}; {traceback.format_exc(limit=-2)}"
            content = ProcessError(f"the run {job.name} failed: {' '.join(reason.split())}")
        messages.put((job.label, job.seed, content))
