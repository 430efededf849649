"""What can be learned: every task by name."""

from saccade.training.tasks import classification, detection  # noqa: F401  (they register themselves)
from saccade.training.tasks.task import StepBatches, Task, tasks

__all__ = ["StepBatches", "Task", "tasks"]
