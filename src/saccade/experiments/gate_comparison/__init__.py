"""Gates compared under one budget: the same recipe, images and seeds for all, and intervals for what comes out."""

from saccade.experiments.gate_comparison.inference import time_inference
from saccade.experiments.gate_comparison.job import Finished
from saccade.experiments.gate_comparison.plot import draw
from saccade.experiments.gate_comparison.queue import compare, finished_runs, run_name
from saccade.experiments.gate_comparison.statistics import Interval, holm, paired_difference, summarise
from saccade.experiments.gate_comparison.table import Row, rows, to_markdown

__all__ = [
    "Finished",
    "Interval",
    "Row",
    "compare",
    "draw",
    "finished_runs",
    "holm",
    "paired_difference",
    "rows",
    "run_name",
    "summarise",
    "time_inference",
    "to_markdown",
]
