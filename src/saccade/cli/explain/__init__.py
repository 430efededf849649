"""saccade explain: what networks look at in photographs."""

from saccade.cli.explain.verb import explain

__all__ = ["explain"]
