"""What a run measures, for TensorBoard."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import TracebackType

from saccade.errors import CheckpointError, MissingPackageError

FOLDER = "tensorboard"
STEPS_BETWEEN_LOSSES = 10


class TensorBoard:
    """A writer of event files, for ``tensorboard --logdir DIRECTORY``.

    Args:
        directory: of the run; the files go to a folder ``tensorboard`` in it.
        step: from which the run goes on; what was written of later steps is hidden.

    Raises:
        MissingPackageError: TensorBoard is not installed.
        CheckpointError: the folder cannot be written.
    """

    def __init__(self, directory: Path, step: int = 0) -> None:
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError as error:
            raise MissingPackageError(
                "--tensorboard needs TensorBoard, which is not installed: pip install 'saccade[train]'"
            ) from error
        try:
            self._writer = SummaryWriter(str(directory / FOLDER), purge_step=step + 1 if step else None)
        except OSError as error:
            raise CheckpointError(f"cannot write to {str(directory / FOLDER)!r}: {error.strerror}") from error

    def __enter__(self) -> TensorBoard:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._writer.close()

    def log(self, step: int, numbers: Mapping[str, float]) -> None:
        """Writes numbers by name; of steps without an evaluation only every tenth.

        Args:
            step: steps done.
            numbers: by name.
        """
        if step % STEPS_BETWEEN_LOSSES and len(numbers) == 2:
            return
        for name, value in numbers.items():
            self._writer.add_scalar(name, value, step)
