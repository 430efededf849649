"""How much two outputs of one model disagree about a frame. The named metrics are in the registry ``metrics``."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from saccade.agreement.difference import described
from saccade.errors import MetricError, SaccadeError
from saccade.graph import Registry

Disagreement = Callable[[Any, Any], float]
"""Takes the right outputs and those to judge; returns 0 (the same) to 1 (nothing in common)."""


@dataclass(frozen=True)
class Metric:
    """A disagreement with a name, whose answers are checked.

    Attributes:
        name: as the user typed it, such as "detections" or "my_module:my_metric".
        disagreement: computes it.
    """

    name: str
    disagreement: Disagreement

    def __call__(self, reference: Any, outputs: Any) -> float:
        """Returns the disagreement of two outputs of one model, 0..1.

        Args:
            reference: the right outputs, as the model returns them.
            outputs: those to judge.

        Raises:
            MetricError: when the metric raises, answers with anything but a number from 0 to 1, or cannot read such
                outputs.
        """
        try:
            value = float(self.disagreement(reference, outputs))
        except SaccadeError:
            raise
        except (Exception, SystemExit) as error:  # a metric that calls sys.exit must not end the program
            raise MetricError(
                f"the metric {self.name!r} raised {type(error).__name__}: {error}; it was given the right outputs and "
                f"the outputs to judge ({described(reference)}): expected a number from 0 (the same) to 1"
            ) from error
        if not 0.0 <= value <= 1.0:
            raise MetricError(
                f"the metric {self.name!r} returned {value}; expected a number from 0 (the same) to 1 (nothing in "
                "common)"
            )
        return value


metrics: Registry[Callable[[str], Disagreement]] = Registry("metric")
"""Makers of disagreements: each takes what stands behind the colon of "name:text", or ""."""


def resolve_metric(text: str | Disagreement) -> Metric:
    """Returns the metric that a text or a function stands for.

    Args:
        text: the name of a registered metric, such as "top1"; a name with a choice behind it, such as
            "detections:fastestdet"; "module:function", looked for in the current folder and among the installed
            packages; or a function of (reference outputs, outputs) that returns 0..1.

    Raises:
        MetricError: for anything else.
    """
    if isinstance(text, Metric):
        return text
    if callable(text):
        return Metric(getattr(text, "__name__", type(text).__name__), text)
    if not isinstance(text, str):
        raise MetricError(f"a {type(text).__name__} was given as a metric; expected a name or a function")
    name, colon, rest = text.partition(":")
    if name in metrics:
        return Metric(text, metrics.get(name)(rest))
    if colon and name and rest:
        from saccade.agreement.function import load_function

        return Metric(text, load_function(name, rest))
    raise MetricError(f"unknown metric {text!r}; known: {', '.join(metrics.names())}, or module:function")


def without_choice(name: str, text: str) -> None:
    """Checks that nothing stands behind a metric's name.

    Raises:
        MetricError: when something does.
    """
    if text:
        raise MetricError(f"the metric {name!r} takes nothing behind its name; {text!r} was given")
