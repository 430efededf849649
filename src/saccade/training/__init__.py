"""Training: one recipe, one run, one report.

>>> recipe = saccade.training.recipes.get("cifar100-short").replace(seed=1).with_gate("das")
>>> report = saccade.training.train(recipe, Path("cifar100"), Path("runs/das-1"))
>>> report.accuracy
"""

from saccade.training.batches import Batches
from saccade.training.budget import Budget
from saccade.training.data import data_sets
from saccade.training.evaluate import Score, evaluate
from saccade.training.images import Images, load_images
from saccade.training.networks import build_network, networks
from saccade.training.optimisers import optimisers
from saccade.training.progress import StepProgress
from saccade.training.recipe import Recipe
from saccade.training.recipes import recipes
from saccade.training.report import Epoch, RunReport
from saccade.training.schedules import learning_rate, schedules
from saccade.training.split import Splits, hold_out
from saccade.training.tasks import tasks
from saccade.training.train import train
from saccade.training.trained import Trained, load_trained

__all__ = [
    "Batches",
    "Budget",
    "Epoch",
    "Images",
    "Recipe",
    "RunReport",
    "Score",
    "Splits",
    "StepProgress",
    "Trained",
    "build_network",
    "data_sets",
    "evaluate",
    "hold_out",
    "learning_rate",
    "load_images",
    "load_trained",
    "networks",
    "optimisers",
    "recipes",
    "schedules",
    "tasks",
    "train",
]
