"""Every recipe by the name of its command; one experiment a file."""

from saccade.training.recipes import cifar100, cifar100_fine_tuning, cifar100_short  # noqa: F401  (they register themselves)
from saccade.training.recipes.registry import recipes

__all__ = ["recipes"]
