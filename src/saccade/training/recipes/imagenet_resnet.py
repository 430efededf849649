"""ImageNet-1k with a ResNet as in the DAS paper.

Paper: Salajegheh et al. 2023, arXiv 2311.12091, Section 4 and Table 1; the settings are Triplet Attention's.
Command: saccade train imagenet-resnet --data DIR --output DIR --set network=resnet18 --gate das
    (networks resnet18, resnet50, resnet101; gates of Table 1 in docs/recipes.md)
Cost: 100 epochs of 1.28 million images; about 2 days on eight GPUs for ResNet-50. Not run here.
Expected: printed, single runs, top-1: ResNet-18 69.76, with DAS 72.03; ResNet-50 76.13, 78.04; ResNet-101 77.35, 78.62.
Deviation: crops of 8 to 100 % of the area and mirror images are those of torchvision's reference; the paper names none.
"""

from saccade.training.recipe import IMAGENET_MEAN, IMAGENET_STD, Recipe
from saccade.training.recipes.registry import recipes

IMAGENET_RESNET = recipes.register("imagenet-resnet")(
    Recipe(
        name="imagenet-resnet",
        data="imagenet",
        loading="files",
        workers=16,
        network="resnet50",
        classes=1000,
        image_size=224,
        mean=IMAGENET_MEAN,
        std=IMAGENET_STD,
        epochs=100,
        batch=256,
        learning_rate=0.1,
        weight_decay=1e-4,
        schedule="steps",
        milestones=(30, 60, 90),
        factor=0.1,
        paper="Salajegheh et al. 2023, arXiv 2311.12091, Section 4 and Table 1",
        cost="100 epochs of 1.28 million images: days on eight GPUs",
        expected="printed: ResNet-50 76.13 %, with DAS 78.04, from single runs",
        contenders=(
            "none", "se", "bam", "cbam", "gsop", "a2", "gcnet", "gala", "abn", "srm", "triplet", "emca", "asr", "das",
        ),
    )
)  # fmt: skip
