"""The processes of one run: how they start, agree, and add up what they found.

One process a device. All hold the same weights; each computes its own part of every batch. What only one of them may
do (decode images, write files) is done by the first, and the others learn how it went, so that a mistake ends them all
with the same error and none waits for one that is gone.
"""

from __future__ import annotations

import logging
import os
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

import torch
import torch.distributed
from torch import Tensor

from saccade.errors import MissingPackageError, ProcessError, RecipeError, SaccadeError

if TYPE_CHECKING:
    from lightning_fabric import Fabric

Result = TypeVar("Result")

ACCELERATORS = ("auto", "cpu", "cuda", "gpu", "mps")
_LOST = ("gloo", "nccl", "connection closed", "connection reset", "process group")


def launch(precision: str, accelerator: str, devices: int | str, nodes: int) -> Fabric:
    """Returns a launched fabric: in every process of the run, connected with the others.

    With several devices and outside torchrun this starts the same command once more for each further device.

    Args:
        precision: as Lightning Fabric names it.
        accelerator: "auto", "cpu" or "cuda".
        devices: how many of a machine, "auto" for all, or a comma after one number for that very device ("2,").
        nodes: machines.

    Raises:
        RecipeError: there are no such devices, or they cannot compute in that precision.
        MissingPackageError: Lightning Fabric is not installed.
    """
    try:
        from lightning_fabric import Fabric
    except ImportError as error:
        raise MissingPackageError(
            "training needs Lightning Fabric, which is not installed: pip install 'saccade[train]'"
        ) from error
    logging.getLogger("lightning_fabric").setLevel(logging.WARNING)  # it greets on stderr
    if accelerator not in ACCELERATORS:
        raise RecipeError(f"there is no accelerator {accelerator!r}; expected one of {', '.join(ACCELERATORS)}")
    several = nodes > 1 or (isinstance(devices, int) and devices > 1)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message=".*AMP with fp16 is not supported on CPU")  # refused below
            fabric = Fabric(
                accelerator=accelerator,
                devices=devices,
                num_nodes=nodes,
                precision=precision,  # type: ignore[arg-type]
                strategy="ddp" if several else "auto",
            )
    except (RuntimeError, ValueError, TypeError) as error:  # Lightning's MisconfigurationException among them
        raise RecipeError(
            f"cannot use {devices} device(s) of accelerator {accelerator!r}: {' '.join(str(error).split())[:200]}; "
            "give others with --accelerator and --devices"
        ) from error
    if fabric.device.type == "cpu" and precision == "16-mixed":
        raise RecipeError("precision 16-mixed needs an accelerator; on the CPU give --precision bf16-mixed")
    with told_of_loss():
        fabric.launch()
    return fabric


def part() -> None:
    """Ends the connection with the other processes of a run, as the last thing before this one ends."""
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()


def is_first() -> bool:
    """Returns whether this process is the first of its run, by the environment: also before it is launched."""
    return all(int(os.environ.get(name) or 0) == 0 for name in ("RANK", "LOCAL_RANK", "NODE_RANK"))


@contextmanager
def told_of_loss() -> Iterator[None]:
    """Turns what torch raises when another process of the run is gone into an error of ours.

    Raises:
        ProcessError: another process has ended, or does not answer.
    """
    try:
        yield
    except RuntimeError as error:
        text = " ".join(str(error).split())
        if not any(word in text.lower() for word in _LOST):
            raise
        raise ProcessError(
            f"another process of the run has ended or does not answer: {text[:160]}; look at what it said, and go on "
            "with --resume"
        ) from error


@contextmanager
def without_false_alarms() -> Iterator[None]:
    """Silences what torch's DDP says where strides of a gradient and of its weight differ.

    Autograd brings gradients into the strides of their weights but along axes of length 1, where strides mean nothing;
    DDP compares these as well. So the deformable kernel of a DAS gate with one channel in a group makes it speak.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Grad strides do not match bucket view strides")
        yield


def on_first(fabric: Fabric, work: Callable[[], Result]) -> Result:
    """Does something in the first process alone, and returns its result in all.

    Raises:
        SaccadeError: what the work raised there, in every process.
    """
    result, error = _tried(work) if fabric.is_global_zero else (None, None)
    if fabric.world_size > 1:
        result, error = fabric.broadcast((result, error))
    if error is not None:
        raise error
    return result  # type: ignore[return-value]


def first_on_each_machine(fabric: Fabric, work: Callable[[], Result]) -> Result:
    """Does something in the first process of every machine, then in the others, and returns each one's own result.

    Raises:
        SaccadeError: what the work raised in any process, in every process.
    """
    result: Any = None
    for turn in (True, False):
        error: SaccadeError | None = None
        if (fabric.local_rank == 0) == turn:
            result, error = _tried(work)
        if fabric.world_size > 1:
            errors: list[SaccadeError | None] = [None] * fabric.world_size
            torch.distributed.all_gather_object(errors, error)
            error = next((one for one in errors if one is not None), None)
        if error is not None:
            raise error
    return result  # type: ignore[no-any-return]


def summed(fabric: Fabric, values: Tensor) -> Tensor:
    """Returns the sum of a tensor over all processes."""
    if fabric.world_size == 1:
        return values
    total = values.to(fabric.device, copy=True)
    torch.distributed.all_reduce(total)
    return total


def align(fabric: Fabric, module: torch.nn.Module) -> None:
    """Gives every process the first one's buffers: running statistics differ where each saw a part of its own."""
    if fabric.world_size > 1:
        for buffer in module.buffers():
            torch.distributed.broadcast(buffer, 0)


def _tried(work: Callable[[], Result]) -> tuple[Result | None, SaccadeError | None]:
    try:
        return work(), None
    except SaccadeError as error:
        return None, error
