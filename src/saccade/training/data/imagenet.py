"""ImageNet-1k: train/WNID/*.JPEG and val/WNID/*.JPEG, or the official archives, which torchvision unpacks.

ImageNet cannot be downloaded without an account; get ILSVRC2012_devkit_t12.tar.gz, ILSVRC2012_img_train.tar and
ILSVRC2012_img_val.tar at image-net.org.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from saccade.errors import DataError
from saccade.training.data.image_folder import classes_of
from saccade.training.data.listing import DataSet, Listing, Told, data_sets

SPLITS = {"train": "train", "test": "val"}
ARCHIVES = {"train": "ILSVRC2012_img_train.tar", "val": "ILSVRC2012_img_val.tar"}
DEVKIT = "ILSVRC2012_devkit_t12.tar.gz"


def prepare(folder: Path, download: bool = False, told: Told | None = None) -> None:
    """Unpacks the official archives where they lie in the folder and nothing is unpacked yet.

    Raises:
        DataError: an archive is damaged or missing, or a download was asked for.
    """
    for split, archive in ARCHIVES.items():
        if (folder / split).is_dir():
            continue
        if (folder / archive).is_file():
            _unpack(folder, split)
        elif download:
            raise DataError(
                f"no {str(folder / split)!r} and no {archive} beside it; ImageNet cannot be downloaded without an "
                "account: get its archives at image-net.org and put them there"
            )


def imagenet(folder: Path, split: str) -> Listing:
    """Returns the images of a split, labelled in the order of their WordNet numbers as torchvision does.

    Raises:
        DataError: they are not there.
    """
    return classes_of(
        folder / SPLITS[split],
        f"expected train/WNID/*.JPEG and val/WNID/*.JPEG in {str(folder)!r}, or the archives "
        f"{', '.join(ARCHIVES.values())} "
        f"and {DEVKIT}, which are unpacked there: get them at image-net.org",
    )


def _unpack(folder: Path, split: str) -> None:
    """Has torchvision unpack a split beside its place, so that one that was broken off is not taken for a whole one."""
    from torchvision.datasets import ImageNet

    if not (folder / DEVKIT).is_file():
        raise DataError(f"{ARCHIVES[split]} needs {DEVKIT} beside it in {str(folder)!r}; get it at image-net.org")
    try:
        with tempfile.TemporaryDirectory(dir=folder, prefix=".unpacking-") as place:
            for name in (ARCHIVES[split], DEVKIT):
                (Path(place) / name).symlink_to((folder / name).resolve())
            ImageNet(place, split)
            os.replace(Path(place) / split, folder / split)
    except OSError as error:
        raise DataError(f"cannot unpack to {str(folder / split)!r}: {error.strerror or error}; make room") from error
    except Exception as error:  # whatever torchvision raises for damaged ones
        what = " ".join(str(error).split()).partition(". ")[0]
        raise DataError(f"the archives in {str(folder)!r} cannot be unpacked: {what}; get them again") from error


data_sets.register("imagenet")(DataSet(imagenet, prepare))
