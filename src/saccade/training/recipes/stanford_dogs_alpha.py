"""How much DAS may compress the channels: Figure 3 of the DAS paper.

Paper: Salajegheh et al. 2023, arXiv 2311.12091, Section 4.3 and Figure 3; ResNet-18 on Stanford Dogs.
Command: saccade compare stanford-dogs-alpha --data DIR --output DIR --seeds 3
Cost: five trainings of stanford-dogs a seed. Not run here.
Expected: a curve without printed points; "alpha values greater than 0.1 yield favorable results", 66.41 at 0.2.
"""

from saccade.training.recipes.registry import recipes
from saccade.training.recipes.stanford_dogs import STANFORD_DOGS

STANFORD_DOGS_ALPHA = recipes.register("stanford-dogs-alpha")(
    STANFORD_DOGS.replace(
        name="stanford-dogs-alpha",
        paper="Salajegheh et al. 2023, arXiv 2311.12091, Figure 3",
        cost="five trainings of stanford-dogs a seed",
        expected="printed: 66.41 % at alpha 0.2, and a curve",
        contenders=tuple(f"das:alpha={alpha}" for alpha in (0.01, 0.1, 0.2, 0.5, 1.0)),
    )
)
