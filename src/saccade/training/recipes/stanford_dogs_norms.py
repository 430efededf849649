"""Which norm before the deformable kernel of DAS and which after it: Table 5 of the DAS paper.

Paper: Salajegheh et al. 2023, arXiv 2311.12091, Section 4.3 and Table 5; ResNet-18 on Stanford Dogs.
Command: saccade compare stanford-dogs-norms --data DIR --output DIR --seeds 3
Cost: sixteen trainings of stanford-dogs a seed. Not run here.
Expected: printed, single runs, for eleven of the pairs: 65.24, 64.64, 66.27, 64.66, 65.78, 65.41, 65.15, 65.94, 65.25,
66.21 and, for instance then layer, 66.41.
Deviation: which pairs the other ten rows are cannot be read in the text of the paper, so all sixteen are here.
"""

from saccade.training.recipes.registry import recipes
from saccade.training.recipes.stanford_dogs import STANFORD_DOGS

NORMS = ("batch", "feature", "instance", "layer")

STANFORD_DOGS_NORMS = recipes.register("stanford-dogs-norms")(
    STANFORD_DOGS.replace(
        name="stanford-dogs-norms",
        paper="Salajegheh et al. 2023, arXiv 2311.12091, Table 5",
        cost="sixteen trainings of stanford-dogs a seed",
        expected="printed: 64.64 to 66.27 %, and 66.41 for instance then layer",
        contenders=tuple(f"das:first_norm={first}:second_norm={second}" for first in NORMS for second in NORMS),
    )
)
