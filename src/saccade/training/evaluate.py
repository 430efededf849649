"""Accuracy of a network on images of a folder."""

from __future__ import annotations

from dataclasses import dataclass
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
        accuracy: share of images whose highest logit is that of their class, 0..1.
        loss: mean cross-entropy, in nats.
    """

    accuracy: float
    loss: float


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
    right = torch.zeros((), dtype=torch.int64, device=device)
    losses: list[torch.Tensor] = [torch.zeros((), device=device)]
    for indices in torch.split(torch.arange(len(images))[rank::processes], BATCH):
        pixels, labels = images.at(indices)
        labels = labels.to(device)
        logits = model(normalised(pixels, recipe).to(device)).float()
        right += (logits.argmax(1) == labels).sum()
        losses.append(functional.cross_entropy(logits, labels, reduction="sum"))
    model.train(training)
    found = torch.stack((right.cpu().double(), torch.stack(losses).cpu().double().sum()))
    if fabric is not None:
        found = summed(fabric, found)
    total_right, total_loss = found.tolist()
    return Score(round(total_right) / len(images), total_loss / len(images))
