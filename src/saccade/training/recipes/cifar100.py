"""CIFAR-100 as in the DAS paper.

Paper: Salajegheh et al. 2023, arXiv 2311.12091, Section 4.1 and Table 3.
Command: saccade train cifar100 --data DIR --output DIR --gate das
Cost: 300 epochs of 50,000 images; hours on a GPU, months on one core.
Expected: the paper prints 78.25 % for ResNet-18, 78.55 with Triplet, 79.04 with DAS; for ResNet-50 77.74, 79.22,
80.54; from single runs.
Deviation: images keep their 32 x 32 pixels, and the stem is a 3 x 3 convolution without pooling, as is the custom
at that size; the paper does not say what it did.
"""

from saccade.training.recipe import Recipe
from saccade.training.recipes.registry import recipes

CIFAR100 = recipes.register("cifar100")(
    Recipe(
        name="cifar100",
        data="cifar100",
        network="resnet18-small-images",
        epochs=300,
        batch=128,
        learning_rate=0.1,
        weight_decay=5e-4,
        schedule="steps",
        milestones=(70, 130, 200, 260),
        factor=0.2,
        paper="Salajegheh et al. 2023, arXiv 2311.12091, Section 4.1 and Table 3",
        cost="300 epochs of 50,000 images: hours on a GPU",
        expected="printed: ResNet-18 78.25 %, with Triplet 78.55, with DAS 79.04, from single runs",
        contenders=("none", "triplet", "das"),
    )
)
