"""Fine-tuning a network for streams that keep small changes back: the same answers from fewer recomputed elements.

Beyond both papers. A frozen copy of the network is the teacher, so no labels are needed. The network sees pairs of
frames; what its layers are told of the second is simulated as a tolerant stream tells it, and the expected work is
part of the loss.
"""

from saccade.training.tolerant.disturbance import disturb
from saccade.training.tolerant.fine_tuning import TolerantStep, fine_tune
from saccade.training.tolerant.recipe import TolerantRecipe
from saccade.training.tolerant.simulation import Simulation

__all__ = ["Simulation", "TolerantRecipe", "TolerantStep", "disturb", "fine_tune"]
