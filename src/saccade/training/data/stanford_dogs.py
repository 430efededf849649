"""Stanford Dogs from its official archives: 120 breeds, 12,000 images to train on and 8,580 to test.

The folder holds images.tar and lists.tar, and annotation.tar where boxes are wanted, or what they unpack to: Images,
train_list.mat and test_list.mat, Annotation.

Source: Khosla et al. 2011, Novel Dataset for Fine-Grained Image Categorization,
vision.stanford.edu/aditya86/ImageNetDogs.
"""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from pathlib import Path, PurePosixPath
from typing import Any

from saccade.errors import DataError
from saccade.training.data.archive import unpack
from saccade.training.data.download import fetch
from saccade.training.data.listing import DataSet, Listing, Told, data_sets

ADDRESS = "http://vision.stanford.edu/aditya86/ImageNetDogs/"
ARCHIVES = {
    "images.tar": ("Images", "1bb1f2a596ae7057f99d7d75860002ef"),
    "lists.tar": ("train_list.mat", "edbb9f16854ec66506b5f09b583e0656"),
    "annotation.tar": ("Annotation", "4298cc0031f6bc6e74612ac83b5988e2"),
}
"""What each archive unpacks to, and its MD5."""
NEEDED = ("images.tar", "lists.tar")


def prepare(folder: Path, download: bool = False, told: Told | None = None) -> None:
    """Unpacks the archives that lie in the folder; fetches those of images and lists first when told to.

    Raises:
        DataError: an archive cannot be fetched or unpacked.
    """
    for name, (inside, md5) in ARCHIVES.items():
        archive = folder / name
        if (folder / inside).exists():
            continue
        if download and name in NEEDED:
            fetch(ADDRESS + name, archive, md5, told)
        if archive.is_file():
            unpack(archive, folder)


def stanford_dogs(folder: Path, split: str, boxes: bool = False) -> Listing:
    """Returns the images of the official split.

    Args:
        folder: the data set's.
        split: "train" or "test".
        boxes: also the box of the first dog that an image's annotation names, from annotation.tar.

    Raises:
        DataError: files are missing or damaged.
    """
    path = folder / f"{split}_list.mat"
    missing = [str(place) for place in (path, folder / "Images") if not place.exists()]
    if missing:
        raise DataError(
            f"no {' and no '.join(missing)}; expected the official images.tar and lists.tar in {str(folder)!r}, "
            f"or what they unpack to: get them from {ADDRESS}, or add --download"
        )
    names, numbers = _list(path)
    named = {number: PurePosixPath(name).parts[0] for name, number in zip(names, numbers, strict=True)}
    breeds = dict(sorted(named.items()))
    files = tuple(folder / "Images" / name for name in names)
    absent = next((file for file in files if not file.is_file()), None)
    if absent is not None:
        raise DataError(f"{path.name} lists {str(absent)!r}, which is not there; unpack images.tar again")
    label = {number: index for index, number in enumerate(breeds)}
    classes = tuple(name.partition("-")[2] or name for name in breeds.values())
    found = tuple(_box(folder / "Annotation" / name) for name in names) if boxes else ()
    return Listing(files, tuple(label[number] for number in numbers), classes, found)


def _list(path: Path) -> tuple[list[str], list[int]]:
    """Returns names such as "n02085620-Chihuahua/n02085620_5927.jpg" and breeds' numbers, from 1.

    Raises:
        DataError: the file is damaged, or a name leads out of the folder.
    """
    from scipy.io import loadmat

    try:
        content: dict[str, Any] = loadmat(str(path), squeeze_me=True)
        names = [str(name) for name in content["file_list"]]
        numbers = [int(number) for number in content["labels"]]
    except Exception as error:  # whatever scipy raises for a damaged file
        raise DataError(f"{str(path)!r} is not the list of lists.tar ({error}); unpack that again") from error
    strange = [name for name in names if len(PurePosixPath(name).parts) != 2 or ".." in PurePosixPath(name).parts]
    if strange or len(names) != len(numbers) or len(set(numbers)) < 2:
        raise DataError(
            f"{str(path)!r} lists {len(names)} images ({', '.join(strange[:1])}) and {len(numbers)} labels of "
            f"{len(set(numbers))} breeds; expected BREED/NAME.jpg and a label each: unpack lists.tar again"
        )
    return names, numbers


def _box(image: Path) -> tuple[int, int, int, int]:
    path = image.with_suffix("")
    try:
        box = ElementTree.parse(path).getroot().find("object/bndbox")
        sides = [int(float(box.findtext(name, ""))) for name in ("xmin", "ymin", "xmax", "ymax")]  # type: ignore[union-attr]
    except (OSError, ElementTree.ParseError, AttributeError, ValueError) as error:
        raise DataError(f"no box in {str(path)!r} ({error}); unpack annotation.tar again") from error
    left, top, right, bottom = sides
    return left, top, right, bottom


data_sets.register("stanford-dogs")(DataSet(stanford_dogs, prepare))
