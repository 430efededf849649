"""Gates compared under one budget: the same recipe, images and seeds for all, and intervals for what comes out."""

from saccade.experiments.gate_comparison.inference import time_inference
from saccade.experiments.gate_comparison.plot import draw
from saccade.experiments.gate_comparison.queue import Finished, compare, finished_runs, run_name
from saccade.experiments.gate_comparison.statistics import Interval, paired_difference, summarise
from saccade.experiments.gate_comparison.table import Row, rows, to_markdown

__all__ = [
    "Finished",
    "Interval",
    "Row",
    "compare",
    "draw",
    "finished_runs",
    "paired_difference",
    "rows",
    "run_name",
    "summarise",
    "time_inference",
    "to_markdown",
]
