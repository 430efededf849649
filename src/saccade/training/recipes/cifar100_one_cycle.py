"""CIFAR-100 in a minute on a large GPU: the paper's ResNet-18, one cycle of the learning rate, eight epochs.

Paper: none; a short form of Section 4.1 of arXiv 2311.12091 for comparisons with several seeds.
Command: saccade compare cifar100-one-cycle --seeds 3 --data DIR --output DIR --per-device 6
Cost: an epoch takes 2 s on an NVIDIA H200 without a gate and 5 to 8 s with CBAM, DAS or Triplet; with six runs at a
time the whole comparison takes nine minutes.
Expected: no gate 66.2 % in the mean of three seeds, se 65.1, cbam 63.9 (results/cifar100-resnet18).
"""

from saccade.training.recipe import Recipe
from saccade.training.recipes.registry import recipes

CIFAR100_ONE_CYCLE = recipes.register("cifar100-one-cycle")(
    Recipe(
        name="cifar100-one-cycle",
        data="cifar100",
        network="resnet18-small-images",
        epochs=8.0,
        batch=256,
        learning_rate=0.2,
        nesterov=True,
        weight_decay=5e-4,
        schedule="one-cycle",
        warm_up=0.25,
        precision="bf16-mixed",
        evaluate_every=0,
        paper="a short form of Section 4.1 of arXiv 2311.12091",
        cost="8 epochs of 50,000 images: 13 to 62 s a run on a large GPU",
        expected="no gate 66.2 % in the mean of three seeds, se 65.1, cbam 63.9",
        contenders=("none", "se", "cbam", "triplet", "das", "das-identity"),
    )
)
