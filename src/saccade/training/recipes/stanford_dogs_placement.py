"""How many gates, and where: the study of Section 4.3 of the DAS paper, for which it prints no table.

Paper: Salajegheh et al. 2023, arXiv 2311.12091, Section 4.3; ResNet-18 on Stanford Dogs.
Command: saccade compare stanford-dogs-placement --data DIR --output DIR --seeds 3
Cost: fourteen trainings of stanford-dogs a seed. Not run here.
Expected: "adding attention layers after all skip connections slightly enhances performance"; four gates: 66.41.
The places are those of saccade.models.PlacementStudy.
"""

from saccade.training.recipes.registry import recipes
from saccade.training.recipes.stanford_dogs import STANFORD_DOGS

STANFORD_DOGS_PLACEMENT = recipes.register("stanford-dogs-placement")(
    STANFORD_DOGS.replace(
        name="stanford-dogs-placement",
        paper="Salajegheh et al. 2023, arXiv 2311.12091, Section 4.3",
        cost="fourteen trainings of stanford-dogs a seed",
        expected="printed: 66.41 % with a gate after each of the four stages",
        contenders=(
            "none",
            *(f"das@layer{stage}" for stage in (1, 2, 3, 4)),
            "das@layer3+layer4",
            "das@layer1+layer2",
            "das@layer2+layer3+layer4",
            "das@layer1+layer2+layer3",
            *(f"das@{place}" for place in ("stages", "before_stages", "last_blocks", "branches", "blocks")),
        ),
    )
)
