"""Accuracy of a network on images of a folder."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
from torch import nn
from torch.nn import functional

from saccade.training.batches import normalised
from saccade.training.images import Images
from saccade.training.recipe import Recipe

BATCH = 500


@dataclass(frozen=True)
class Score:
    """How well a network does.

    Attributes:
        accuracy: share of images whose highest logit is that of their class, 0..1; AP of a detector.
        loss: mean cross-entropy, in nats; None of a detector.
        metrics: further measures by name: "top-5", a share; those of COCO.
    """

    accuracy: float
    loss: float | None
    metrics: Mapping[str, float] = field(default_factory=dict)


@torch.no_grad()
def evaluate(model: nn.Module, images: Images, recipe: Recipe, device: torch.device) -> Score:
    """Returns a network's score on all images, undisturbed and in order; leaves the network in the mode it was in.

    Args:
        model: takes (N, 3, H, W) and returns logits (N, classes).
        images: at least one.
        recipe: how they are normalised.
        device: of the network.
    """
    training = model.training
    model.eval()
    right, loss = 0, 0.0
    for indices in torch.split(torch.arange(len(images)), BATCH):
        pixels, labels = images.at(indices)
        labels = labels.to(device)
        logits = model(normalised(pixels, recipe).to(device)).float()
        right += int((logits.argmax(1) == labels).sum())
        loss += float(functional.cross_entropy(logits, labels, reduction="sum"))
    model.train(training)
    return Score(right / len(images), loss / len(images))
