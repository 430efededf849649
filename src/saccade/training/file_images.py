"""Large images, decoded anew every time they are looked at: a random crop to train on, the middle to measure with."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import torch
from torch import Tensor

from saccade.training.data.listing import Listing
from saccade.training.images import open_image
from saccade.training.recipe import Recipe
from saccade.training.worker_batches import available_cores


@dataclass(frozen=True)
class FileImages:
    """Images of one split.

    Attributes:
        listing: the files.
        labels: (N,) int64.
        size: height and width of what the network sees, in pixels.
        shorter_side: pixels to which the whole image is scaled before its middle is cropped.
        smallest_crop: share of the area that a random crop has at least, 0..1.
        flip: whether images are mirrored at random.
    """

    listing: Listing
    labels: Tensor
    size: int
    shorter_side: int
    smallest_crop: float
    flip: bool

    @classmethod
    def of(cls, listing: Listing, recipe: Recipe) -> FileImages:
        """Returns the images of a listing as a recipe wants them."""
        return cls(
            listing,
            torch.tensor(listing.labels),
            recipe.image_size,
            recipe.shorter_side,
            recipe.smallest_crop,
            recipe.flip,
        )

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes, by label."""
        return self.listing.classes

    def __len__(self) -> int:
        return len(self.listing.files)

    def at(self, indices: Tensor) -> tuple[Tensor, Tensor]:
        """Returns the middles of images (N, size, size, 3) uint8 and labels (N,) at some indices (N,) int64.

        Raises:
            DataError: an image cannot be read.
        """
        with ThreadPoolExecutor(available_cores()) as threads:
            found = list(threads.map(self.middle, indices.tolist()))
        return torch.stack(found), self.labels[indices]

    def middle(self, index: int) -> Tensor:
        """Returns an image (size, size, 3) uint8: scaled to ``shorter_side``, its middle cropped.

        Raises:
            DataError: it cannot be read.
        """
        from torchvision.transforms import v2

        picture = v2.functional.resize(self._pixels(index), [self.shorter_side], antialias=True)
        return v2.functional.center_crop(picture, [self.size, self.size]).permute(1, 2, 0)  # type: ignore[no-any-return]

    def drawn(self, index: int) -> tuple[Tensor, int]:
        """Returns an image (size, size, 3) uint8, cropped and mirrored by torch's random numbers, and its label.

        Raises:
            DataError: it cannot be read.
        """
        from torchvision.transforms import v2

        picture = self._pixels(index)
        crop = v2.RandomResizedCrop(self.size, (self.smallest_crop, 1.0), antialias=True)
        picture = v2.RandomHorizontalFlip(0.5 if self.flip else 0.0)(crop(picture))
        return picture.permute(1, 2, 0), int(self.labels[index])

    def _pixels(self, index: int) -> Tensor:
        """Returns the whole image, (3, H, W) uint8, or the part in its box where the listing has boxes."""
        from torchvision.transforms import v2

        picture = open_image(self.listing.files[index])
        if self.listing.boxes:
            picture = picture.crop(self.listing.boxes[index])
        return v2.functional.pil_to_tensor(picture)  # type: ignore[no-any-return]
