"""The tables and figures of the papers, each reproduced by one command."""

from saccade.experiments.catalogue import Experiment, Part, experiments

__all__ = ["Experiment", "Part", "experiments"]
