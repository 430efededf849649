"""CIFAR-100: its official archive for Python, or images in class folders.

Source: Krizhevsky 2009, Learning Multiple Layers of Features from Tiny Images.
"""

from __future__ import annotations

from pathlib import Path

from saccade.errors import DataError
from saccade.training.data.archive import unpack
from saccade.training.data.download import fetch
from saccade.training.data.image_folder import SPLITS, image_folder
from saccade.training.data.listing import DataSet, Decoded, Listing, Told, data_sets


def prepare(folder: Path, download: bool = False, told: Told | None = None) -> None:
    """Unpacks the archive that lies in the folder; fetches it first when told to.

    Raises:
        DataError: it cannot be fetched or unpacked.
    """
    from torchvision.datasets import CIFAR100

    if (folder / CIFAR100.base_folder).is_dir() or _unpacked(folder, "train"):
        return
    archive = folder / CIFAR100.filename
    if download:
        fetch(CIFAR100.url, archive, CIFAR100.tgz_md5, told)
    if archive.is_file():
        unpack(archive, folder)


def cifar100(folder: Path, split: str) -> Listing | Decoded:
    """Returns the images of a split; the labels are those of the classes' names in alphabetical order.

    Raises:
        DataError: they are not there, or damaged.
    """
    from torchvision.datasets import CIFAR100

    if _unpacked(folder, split):
        return image_folder(folder, split)
    if not (folder / CIFAR100.base_folder).is_dir():
        raise DataError(
            f"no images at {str(folder / split)!r} and no {CIFAR100.base_folder} beside it; expected CIFAR-100 "
            f"in class folders, or {CIFAR100.filename} from its makers: put one there, or add --download"
        )
    try:
        read = CIFAR100(str(folder), train=split == "train")
    except (RuntimeError, OSError) as error:
        raise DataError(
            f"{str(folder / CIFAR100.base_folder)!r} is damaged ({' '.join(str(error).split())[:120]}); remove "
            f"it and get it again"
        ) from error
    return Decoded(read.data, tuple(read.targets), tuple(read.classes))


def _unpacked(folder: Path, split: str) -> bool:
    return any((folder / name).is_dir() for name in SPLITS[split])


data_sets.register("cifar100")(DataSet(cifar100, prepare))
