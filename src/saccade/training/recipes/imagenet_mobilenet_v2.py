"""ImageNet-1k with MobileNetV2 as in the DAS paper.

Paper: Salajegheh et al. 2023, arXiv 2311.12091, Section 4 and Table 1.
Command: saccade train imagenet-mobilenet-v2 --data DIR --output DIR --gate das
Cost: 400 epochs of 1.28 million images; about a week on eight GPUs. Not run here.
Expected: printed, single runs, top-1: 71.88, with SE 72.42, CBAM 69.33, Triplet 72.62, DAS 72.79.
Deviation: the paper gives batch, rates and decay and no length; 400 epochs are ours, after
which 0.98 an epoch leaves a three-thousandth of the first rate.
"""

from saccade.training.recipe import IMAGENET_MEAN, IMAGENET_STD, Recipe
from saccade.training.recipes.registry import recipes

IMAGENET_MOBILENET_V2 = recipes.register("imagenet-mobilenet-v2")(
    Recipe(
        name="imagenet-mobilenet-v2",
        data="imagenet",
        loading="files",
        workers=16,
        network="mobilenet_v2",
        classes=1000,
        image_size=224,
        mean=IMAGENET_MEAN,
        std=IMAGENET_STD,
        epochs=400,
        batch=96,
        learning_rate=0.045,
        weight_decay=4e-5,
        schedule="exponential",
        factor=0.98,
        paper="Salajegheh et al. 2023, arXiv 2311.12091, Section 4 and Table 1",
        cost="400 epochs of 1.28 million images: a week on eight GPUs",
        expected="printed: 71.88 %, with DAS 72.79, from single runs",
        contenders=("none", "se", "cbam", "triplet", "das"),
    )
)
