"""Which images a step sees, and how each is changed: functions of (seed, epoch, step) alone.

So a run can go on at any step without replaying what came before, and any number of processes that share a batch
draw the same one and take their own part of it.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from saccade.training.order import Order
from saccade.training.recipe import Recipe
from saccade.training.seeds import Purpose, generator
from saccade.training.split import Source


class Batches:
    """Augmented batches of training images.

    Args:
        images: the training images.
        recipe: gives the batch's size, seed, augmentation and normalisation.
        rank: this process, from 0.
        processes: that share each batch; each takes every so-manieth image of it.
    """

    def __init__(self, images: Source, recipe: Recipe, rank: int = 0, processes: int = 1) -> None:
        self.images = images
        self.recipe = recipe
        self.order = Order(len(images), recipe, rank, processes)
        self.per_epoch = self.order.per_epoch

    def at(self, step: int) -> tuple[Tensor, Tensor]:
        """Returns this process's part of a step's batch: images (N, H, W, 3) uint8, and labels (N,) int64.

        Args:
            step: from 0, over all epochs.
        """
        recipe, own = self.recipe, self.order.own
        chosen = self.order.at(step)
        chance = generator(recipe.seed, Purpose.AUGMENTATION, step)
        shifts = torch.randint(2 * recipe.crop_padding + 1, (2, len(chosen)), generator=chance)
        mirrored = torch.rand(len(chosen), generator=chance) < 0.5
        pixels, labels = self.images.at(chosen[own])
        if recipe.crop_padding:
            pixels = crop(pixels, recipe.crop_padding, *shifts[:, own])
        if recipe.flip:
            pixels = torch.where(mirrored[own, None, None, None], pixels.flip(2), pixels)
        return pixels, labels


def crop(pixels: Tensor, padding: int, tops: Tensor, lefts: Tensor) -> Tensor:
    """Returns, of each image with a margin of zeros, a window of the image's size.

    Args:
        pixels: (N, H, W, C).
        padding: pixels of the margin.
        tops: (N,) int64, the window's top in the padded image, 0..2 * padding.
        lefts: (N,) int64, its left.
    """
    count, height, width, _ = pixels.shape
    padded = functional.pad(pixels, (0, 0, padding, padding, padding, padding))
    windows = padded.unfold(1, height, 1).unfold(2, width, 1)
    return windows[torch.arange(count), tops, lefts].permute(0, 2, 3, 1)


def normalised(pixels: Tensor, recipe: Recipe) -> Tensor:
    """Returns images (N, H, W, 3) uint8 as the network takes them: (N, 3, H, W) float32, mean 0 and deviation 1.

    Bytes are what goes to a GPU; this is done there.
    """
    scale = 1 / (255 * torch.tensor(recipe.std))
    shift = -torch.tensor(recipe.mean) / torch.tensor(recipe.std)
    values = torch.addcmul(shift.to(pixels.device), pixels.float(), scale.to(pixels.device)).permute(0, 3, 1, 2)
    order = torch.channels_last if recipe.channels_last else torch.contiguous_format
    return values.contiguous(memory_format=order)
