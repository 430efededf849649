"""Stanford Dogs as in the DAS paper.

Paper: Salajegheh et al. 2023, arXiv 2311.12091, Section 4 and Table 3.
Command: saccade train stanford-dogs --data DIR --download --output DIR --gate das   (--set network=resnet50 for its
    rows)
Cost: 300 epochs of 12,000 images; 3 hours on a large GPU for ResNet-18. Not run here.
Expected: printed, single runs: ResNet-18 61.50, with Triplet 60.14, DAS 66.41; ResNet-50 62.58, 60.55, 67.05.
Deviation: the paper says "random flip and crop" and no length; crops are of 8 to 100 % of the area, the length is that
of its CIFAR-100. The whole image is shown, not the annotated box.
"""

from saccade.training.recipe import IMAGENET_MEAN, IMAGENET_STD, Recipe
from saccade.training.recipes.registry import recipes

STANFORD_DOGS = recipes.register("stanford-dogs")(
    Recipe(
        name="stanford-dogs",
        data="stanford-dogs",
        loading="files",
        workers=16,
        network="resnet18",
        classes=120,
        image_size=224,
        mean=IMAGENET_MEAN,
        std=IMAGENET_STD,
        epochs=300,
        batch=32,
        learning_rate=0.1,
        weight_decay=1e-4,
        schedule="cosine",
        evaluate_every=10,
        paper="Salajegheh et al. 2023, arXiv 2311.12091, Section 4 and Table 3",
        cost="300 epochs of 12,000 images: hours on a GPU",
        expected="printed: ResNet-18 61.50 %, with Triplet 60.14, with DAS 66.41, from single runs",
        contenders=("none", "triplet", "das"),
    )
)
