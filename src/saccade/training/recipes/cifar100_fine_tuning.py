"""Fine-tuning on CIFAR-100: a gate put into a trained network, which goes on learning for a short while.

A gate that starts as the paper's halves what it passes, since sigmoid(0) = 0.5; one with start=identity passes nearly
all.

Paper: none; what Section 4.2 of arXiv 2311.12091 does to a backbone before detection, on small images.
Command: saccade train cifar100-short --data DIR --output runs/none, then
    saccade compare cifar100-fine-tuning --data DIR --output DIR --set pretrained=runs/none/last.safetensors
Cost: half an epoch; a minute a run on one core without a gate.
Expected: with --epochs 0.25, from 21.47 %: no gate 22.60, das 21.47, das-identity 22.57, three seeds
(results/cifar100-fine-tuning).
"""

from saccade.training.recipes.cifar100_short import CIFAR100_SHORT
from saccade.training.recipes.registry import recipes

CIFAR100_FINE_TUNING = recipes.register("cifar100-fine-tuning")(
    CIFAR100_SHORT.replace(
        name="cifar100-fine-tuning",
        epochs=0.5,
        learning_rate=0.05,
        schedule="cosine",
        warm_up=0.1,
        evaluate_every=0,
        paper="a short form of what Section 4.2 of arXiv 2311.12091 does to a backbone",
        cost="a minute a run without a gate on one core",
        expected="with epochs=0.25, from 21.47 %: no gate 22.60 %, das 21.47, das-identity 22.57",
        contenders=("none", "das", "das-identity"),
    )
)
