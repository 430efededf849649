"""Accuracy of a network on images of a folder."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import torch
from torch import nn
from torch.nn import functional

from saccade.training.batches import normalised
from saccade.training.processes import summed
from saccade.training.recipe import Recipe
from saccade.training.split import Source

if TYPE_CHECKING:
    from lightning_fabric import Fabric

BATCH = 500


@dataclass(frozen=True)
class Score:
    """How well a network does.

    Attributes:
        accuracy: share of images whose highest logit is that of their class, 0..1; AP of a detector.
        loss: mean cross-entropy, in nats; None of a detector.
        metrics: further measures by name: "top-5", the share whose class is among the five highest; COCO's six.
    """

    accuracy: float
    loss: float | None
    metrics: Mapping[str, float] = field(default_factory=dict)


@torch.no_grad()
def evaluate(
    model: nn.Module, images: Source, recipe: Recipe, device: torch.device, fabric: Fabric | None = None
) -> Score:
    """Returns a network's score on all images, undisturbed and in order; leaves the network in the mode it was in.

    Args:
        model: takes (N, 3, H, W) and returns logits (N, classes).
        images: at least one.
        recipe: how they are normalised.
        device: of the network.
        fabric: of processes that share the images, each with the same network; every image counts once.
    """
    training = model.training
    model.eval()
    rank, processes = (0, 1) if fabric is None else (fabric.global_rank, fabric.world_size)
    right = torch.zeros(2, dtype=torch.int64, device=device)
    losses: list[torch.Tensor] = [torch.zeros((), device=device)]
    batch = BATCH if recipe.loading == "cached" else recipe.batch
    for indices in torch.split(torch.arange(len(images))[rank::processes], batch):
        pixels, labels = images.at(indices)
        labels = labels.to(device)
        logits = model(normalised(pixels.to(device), recipe)).float()
        five = logits.topk(min(5, logits.shape[1])).indices == labels[:, None]
        right += torch.stack((five[:, 0].sum(), five.sum()))
        losses.append(functional.cross_entropy(logits, labels, reduction="sum"))
    model.train(training)
    found = torch.cat((right.cpu().double(), torch.stack(losses).cpu().double().sum(0, keepdim=True)))
    if fabric is not None:
        found = summed(fabric, found)
    first, among_five, total_loss = found.tolist()
    metrics = {"top-5": round(among_five) / len(images)}
    return Score(round(first) / len(images), total_loss / len(images), metrics)
