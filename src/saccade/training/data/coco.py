"""Images with boxes in COCO's format: annotations/instances_train2017.json and the images in train2017, likewise
val2017.

Other years and other data sets work the same: instances_NAME.json belongs to the folder NAME, which begins with train
or val.
"""

from __future__ import annotations

import contextlib
import copy
import io
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from saccade.errors import DataError, MissingPackageError
from saccade.training.data.listing import DataSet, Listing, data_sets

SPLITS = {"train": "train", "test": "val"}

Target = dict[str, Tensor]
"""Of one image: "boxes" (N, 4) float32, (left, top, right, bottom) in pixels, and "labels" (N,) int64, from 1."""


class CocoImages:
    """Images of one split, with their boxes.

    Args:
        folder: the data set's.
        split: "train", which leaves images without a box out, or "test".
        flip: whether images are mirrored at random in training.

    Attributes:
        annotations: pycocotools' reader of the file.
        numbers: the images' numbers in it.
        categories: the categories' numbers in it, by label - 1.
        classes: the categories' names, by label - 1.

    Raises:
        DataError: a file or folder is missing or damaged.
        MissingPackageError: pycocotools is not installed.
    """

    def __init__(self, folder: Path, split: str, flip: bool = True) -> None:
        path = _annotations(folder, SPLITS[split])
        self.root = folder / path.stem.removeprefix("instances_")
        if not self.root.is_dir():
            raise DataError(f"{path.name} is there but not its images {str(self.root)!r}; unpack them there")
        self.flip = flip
        self.annotations: Any = _read(path, self.root)
        self.categories = sorted(self.annotations.getCatIds())
        self.classes = tuple(str(category["name"]) for category in self.annotations.loadCats(self.categories))
        self._labels = {number: label for label, number in enumerate(self.categories, 1)}
        numbers = sorted(self.annotations.getImgIds())
        self.numbers = numbers if split == "test" else [n for n in numbers if len(self.target(n)["labels"])]
        if not self.numbers:
            raise DataError(f"{str(path)!r} has no image{'' if split == 'test' else ' with a box'}; give another file")

    def __len__(self) -> int:
        return len(self.numbers)

    def first(self, count: int) -> CocoImages:
        """Returns the first so many of the images."""
        some = copy.copy(self)
        some.numbers = self.numbers[:count]
        return some

    def target(self, number: int) -> Target:
        """Returns the boxes of an image, those of crowds and those without area left out.

        Args:
            number: the image's, as in the file.
        """
        entries = self.annotations.loadAnns(self.annotations.getAnnIds(imgIds=number, iscrowd=False))
        boxes = torch.tensor([entry["bbox"] for entry in entries], dtype=torch.float32).reshape(-1, 4)
        labels = torch.tensor([self._labels[entry["category_id"]] for entry in entries], dtype=torch.int64)
        boxes[:, 2:] += boxes[:, :2]
        good = (boxes[:, 2:] > boxes[:, :2] + 1e-3).all(1)
        return {"boxes": boxes[good], "labels": labels[good]}

    def picture(self, number: int) -> Tensor:
        """Returns an image, (3, H, W) uint8, RGB.

        Raises:
            DataError: it cannot be read.
        """
        from torchvision.transforms import v2

        from saccade.training.images import open_image

        entry = self.annotations.loadImgs(number)[0]
        return v2.functional.pil_to_tensor(open_image(self.root / entry["file_name"]))  # type: ignore[no-any-return]

    def pictures(self, indices: range) -> list[Tensor]:
        """Returns images at some indices, each (3, H, W) uint8.

        Raises:
            DataError: one cannot be read.
        """
        with ThreadPoolExecutor(4) as threads:
            return list(threads.map(lambda index: self.picture(self.numbers[index]), indices))

    def drawn(self, index: int) -> tuple[Tensor, Target]:
        """Returns an image (3, H, W) uint8 and its boxes, mirrored by torch's random numbers.

        Raises:
            DataError: it cannot be read.
        """
        number = self.numbers[index]
        picture, target = self.picture(number), self.target(number)
        if self.flip and float(torch.rand(())) < 0.5:
            width = picture.shape[2]
            picture = picture.flip(2)
            target["boxes"] = target["boxes"][:, [2, 1, 0, 3]] * torch.tensor([-1, 1, -1, 1]) + torch.tensor(
                [width, 0, width, 0]
            )
        return picture, target


def _annotations(folder: Path, name: str) -> Path:
    found = sorted((folder / "annotations").glob(f"instances_{name}*.json"))
    if not found:
        raise DataError(
            f"no annotations/instances_{name}2017.json in {str(folder)!r}; expected COCO's annotations, train2017 and "
            "val2017 there: get annotations_trainval2017.zip, train2017.zip and val2017.zip at cocodataset.org and "
            "unpack them"
        )
    return found[-1]


def _read(path: Path, root: Path) -> Any:
    """Returns pycocotools' reader of a file of annotations, checked."""
    try:
        from pycocotools.coco import COCO
    except ImportError as error:
        raise MissingPackageError(
            "COCO's annotations need pycocotools, which is not installed: pip install 'saccade[detection]'"
        ) from error
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            read = COCO(str(path))
        fields = [entry["file_name"] for entry in read.dataset["images"]]
        strange = [name for name in fields if Path(name).is_absolute() or ".." in Path(name).parts]
        known = set(read.getCatIds())
        unknown = [entry["id"] for entry in read.dataset["annotations"] if entry["category_id"] not in known]
    except (OSError, ValueError, KeyError, TypeError, AssertionError) as error:
        raise DataError(f"{str(path)!r} is not in COCO's format: {type(error).__name__} {error}") from error
    if strange or unknown:
        what = (
            f"an image {strange[0]!r} outside of its folder" if strange else f"no category of annotation {unknown[0]}"
        )
        raise DataError(f"{str(path)!r} names {what}; get it from its makers")
    return read


def _unclassified(folder: Path, split: str) -> Listing:
    raise DataError(f"the images in {str(folder)!r} have boxes and no classes; give --set task=detection")


data_sets.register("coco")(DataSet(_unclassified))
