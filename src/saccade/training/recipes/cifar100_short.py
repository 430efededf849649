"""CIFAR-100 in minutes on one core: ResNet-20 at half its width, one cycle of the learning rate.

Paper: none; a short form of Section 4.1 of arXiv 2311.12091 for comparisons under a small budget.
Command: saccade compare cifar100-short --gates none,se,cbam,triplet,das,das-identity --seeds 3 --data DIR --output DIR
Cost: an epoch takes 100 s on one core of a server without a gate, and up to three times that with one.
Expected: without a gate 8 % after 0.4 epochs, one seed, and 23.2 % after 1.7, three (results/cifar100-gates); far from
converged, so that gates are compared on how fast they learn.
"""

from saccade.training.recipe import Recipe
from saccade.training.recipes.registry import recipes

CIFAR100_SHORT = recipes.register("cifar100-short")(
    Recipe(
        name="cifar100-short",
        data="cifar100",
        network="cifar-resnet20",
        width=8,
        epochs=2,
        batch=64,
        learning_rate=0.2,
        nesterov=True,
        weight_decay=5e-4,
        schedule="one-cycle",
        warm_up=0.25,
        evaluate_every=1,
        paper="a short form of Section 4.1 of arXiv 2311.12091",
        cost="100 s an epoch without a gate on one core",
        expected="without a gate 8 % after 0.4 epochs, 23.2 % after 1.7",
    )
)
