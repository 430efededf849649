"""Class scores that a gate computes beside its features, collected only while somebody asks for them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from torch import Tensor

_collected: ContextVar[list[Tensor] | None] = ContextVar("collected_scores", default=None)


@contextmanager
def collect_scores() -> Iterator[list[Tensor]]:
    """Collects the class scores of gates with a second head that run inside the block.

    Yields:
        A list that grows by (N, classes) for each such gate, in the order in which they run. Each thread and each
        nested block has its own.

    Example:
        >>> with collect_scores() as scores:
        ...     logits = model(images)
        >>> loss = cross_entropy(logits, labels) + sum(cross_entropy(score, labels) for score in scores)
    """
    scores: list[Tensor] = []
    token = _collected.set(scores)
    try:
        yield scores
    finally:
        _collected.reset(token)


def collecting() -> bool:
    """Returns whether anybody collects scores."""
    return _collected.get() is not None


def report_scores(scores: Tensor) -> None:
    """Hands class scores, (N, classes), to the block that collects them; without one they are dropped."""
    collected = _collected.get()
    if collected is not None:
        collected.append(scores)
