"""The parts of DAS taken away one by one, and the designs before it: Table 4 of the DAS paper.

Paper: Salajegheh et al. 2023, arXiv 2311.12091, Section 4.3, Figure 2 and Table 4; ResNet-18 on Stanford Dogs.
Command: saccade compare stanford-dogs-components --data DIR --output DIR --seeds 3
Cost: eight trainings of stanford-dogs a seed. Not run here.
Expected: printed, single runs: a 65.00, b 65.21, c (DAS) 66.41, d 65.338, e 65.291, f 66.107, g 60.851, h 61.375.
"""

from saccade.training.recipes.registry import recipes
from saccade.training.recipes.stanford_dogs import STANFORD_DOGS

STANFORD_DOGS_COMPONENTS = recipes.register("stanford-dogs-components")(
    STANFORD_DOGS.replace(
        name="stanford-dogs-components",
        paper="Salajegheh et al. 2023, arXiv 2311.12091, Table 4",
        cost="eight trainings of stanford-dogs a seed",
        expected="printed: a 65.00 %, b 65.21, c 66.41, d 65.338, e 65.291, f 66.107, g 60.851, h 61.375",
        contenders=("das_a", "das_b", "das", "das_d", "das_e", "das_f", "das_g", "das_h"),
    )
)
