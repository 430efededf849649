"""Data sets: how their folders are laid out, fetched, unpacked and read."""

from saccade.training.data import cifar100, coco, image_folder, imagenet, stanford_dogs  # noqa: F401  (register themselves)
from saccade.training.data.archive import unpack
from saccade.training.data.download import fetch
from saccade.training.data.listing import DataSet, Decoded, Listing, data_sets

__all__ = ["DataSet", "Decoded", "Listing", "data_sets", "fetch", "unpack"]
