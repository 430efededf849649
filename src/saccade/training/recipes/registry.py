"""The registry of recipes."""

from saccade.graph.registry import Registry
from saccade.training.recipe import Recipe

recipes: Registry[Recipe] = Registry("recipe")
"""Every recipe by its name."""
