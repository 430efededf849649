"""The digits: MNIST as far as it is there, else the small ones that come with scikit-learn."""

from __future__ import annotations

import gzip
import struct
import zlib
from dataclasses import dataclass
from pathlib import Path

import torch

from saccade.errors import DataError, MissingPackageError

FOLDERS = ("", "MNIST/raw", "mnist")
"""Where the files may lie in the data folder; the second is torchvision's."""
NAMES = {"train": "train", "test": "t10k"}
TEST_OF_TEN_THOUSAND = 2000
SIDE = 28
_IMAGES, _LABELS = 2051, 2049
_SMALL_TEST = 400


@dataclass(frozen=True, eq=False)
class Digits:
    """Images and labels, split.

    Attributes:
        train_images, test_images: (N, 28, 28) float32, from -1 (black) to 1.
        train_labels, test_labels: (N,) int64, 0 to 9.
        source: what they are and how they were split, for the output.
    """

    train_images: torch.Tensor
    train_labels: torch.Tensor
    test_images: torch.Tensor
    test_labels: torch.Tensor
    source: str


def load_digits(folder: Path | None, *, download: bool = False) -> Digits:
    """Returns MNIST's digits from a folder, or scikit-learn's where there are none.

    Args:
        folder: where MNIST's files lie, gzipped or not, in it or in its MNIST/raw; None for none.
        download: fetch what is missing there with torchvision.

    Returns:
        60,000 and 10,000 digits; or, where only the ten thousand test digits are there, 8,000 and 2,000 of them; or
        scikit-learn's 1,797. ``source`` says which.

    Raises:
        DataError: when the folder does not exist, one of two files that belong together is missing, or one is damaged.
        MissingPackageError: when scikit-learn's digits are needed and it is not installed.
    """
    if folder is None:
        return _small_digits("no folder with MNIST was given")
    failure = _download(folder) if download else ""
    if not folder.is_dir():
        raise DataError(f"no folder {str(folder)!r}; expected one with MNIST's files: give it, or add --download")
    train, test = _pair(folder, "train"), _pair(folder, "test")
    if train and test:
        return Digits(*train, *test, "MNIST: 60,000 digits to train on and 10,000 to test")
    if test:
        images, labels = test
        cut = len(images) - TEST_OF_TEN_THOUSAND
        source = f"MNIST's test digits only, the others being absent: {cut:,} to train on and the last 2,000 to test"
        return Digits(images[:cut], labels[:cut], images[cut:], labels[cut:], source)
    if train:
        raise DataError(
            f"{str(folder)!r} has MNIST's training digits but not its test digits; expected {_expected('test')}: "
            "add them, or --download"
        )
    return _small_digits(failure or f"there is no MNIST in {folder.name!r}")


def _download(folder: Path) -> str:
    """Fetches MNIST; returns what went wrong, if anything."""
    from torchvision.datasets import MNIST

    try:
        MNIST(str(folder), download=True)
    except (OSError, RuntimeError) as error:
        return f"MNIST could not be downloaded ({' '.join(str(error).split())[:100]})"
    return ""


def _pair(folder: Path, split: str) -> tuple[torch.Tensor, torch.Tensor] | None:
    """Returns a split's images and labels, or None where neither file is there."""
    paths = [_find(folder, f"{NAMES[split]}-{kind}") for kind in ("images-idx3-ubyte", "labels-idx1-ubyte")]
    if paths == [None, None]:
        return None
    images_path, labels_path = paths
    if images_path is None or labels_path is None:
        raise DataError(
            f"{str(folder)!r} has only one of two files that belong together; expected {_expected(split)}: "
            "add the missing one"
        )
    images, labels = _read(images_path, _IMAGES), _read(labels_path, _LABELS)
    if len(images) != len(labels) or images.shape[1:] != (SIDE, SIDE) or int(labels.max()) > 9:
        raise DataError(
            f"{images_path.name!r} holds {len(images)} images of {tuple(images.shape[1:])} and {labels_path.name!r} "
            f"{len(labels)} labels up to {int(labels.max())}; expected as many of each, 28 x 28, 0 to 9; "
            "get MNIST again"
        )
    if split == "test" and len(images) <= TEST_OF_TEN_THOUSAND:
        raise DataError(f"{images_path.name!r} holds {len(images)} images; expected 10,000: get MNIST again")
    return images.float() / 127.5 - 1, labels.long()


def _find(folder: Path, name: str) -> Path | None:
    paths = (folder / inner / (name + ending) for inner in FOLDERS for ending in ("", ".gz"))
    return next((path for path in paths if path.is_file()), None)


def _expected(split: str) -> str:
    return f"{NAMES[split]}-images-idx3-ubyte and {NAMES[split]}-labels-idx1-ubyte, gzipped or not"


def _read(path: Path, magic: int) -> torch.Tensor:
    """Returns an IDX file's bytes as a tensor of uint8.

    Raises:
        DataError: when it is damaged, cut short or something else.
    """
    try:
        content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{str(path)!r} is damaged ({' '.join(str(error).split())}); get MNIST again") from error
    dimensions = magic % 256
    header = 4 + 4 * dimensions
    if len(content) < header or struct.unpack(">I", content[:4])[0] != magic:
        raise DataError(f"{str(path)!r} is not an MNIST file (it begins with {content[:4].hex()}); get MNIST again")
    shape = struct.unpack(f">{dimensions}I", content[4:header])
    values = torch.frombuffer(bytearray(content), dtype=torch.uint8, offset=header) if len(content) > header else None
    count = 1
    for size in shape:
        count *= size
    if values is None or len(values) != count or count == 0:
        raise DataError(
            f"{str(path)!r} holds {len(content) - header} bytes after its header, which announces {count}; "
            "it is cut short or damaged: get MNIST again"
        )
    return values.reshape(shape)


def _small_digits(why: str) -> Digits:
    """Returns scikit-learn's 8 x 8 digits, drawn 20 x 20 in the middle of 28 x 28 as MNIST's are."""
    try:
        from sklearn.datasets import load_digits as load_small_digits
    except ImportError as error:
        raise MissingPackageError(
            f"{why}, and the small digits need scikit-learn, which is not installed; give MNIST with --data, or run: "
            'pip install "saccade[experiments]"'
        ) from error
    images, labels = load_small_digits(return_X_y=True)
    small = torch.from_numpy(images).float().reshape(-1, 1, 8, 8) / 16
    drawn = torch.nn.functional.interpolate(small, size=(20, 20), mode="bilinear", align_corners=False)
    framed = torch.nn.functional.pad(drawn, (4,) * 4)[:, 0] * 2 - 1
    order = torch.randperm(len(framed), generator=torch.Generator().manual_seed(0))
    framed, numbers = framed[order], torch.from_numpy(labels).long()[order]
    source = f"scikit-learn's 1,797 digits of 8 x 8, enlarged, since {why}: all but 400 to train on, 400 to test"
    cut = len(framed) - _SMALL_TEST
    return Digits(framed[:cut], numbers[:cut], framed[cut:], numbers[cut:], source)
