"""The region R of relevant features, from a mask that somebody drew."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from saccade.errors import RegionError
from saccade.explain.photograph import open_image

SUFFIXES = (".png", ".bmp", ".tif", ".tiff", ".gif")


def read_mask(path: str | Path, size: tuple[int, int]) -> npt.NDArray[np.bool_]:
    """Returns the region in a mask file: every pixel that is not 0.

    Args:
        path: an image of one channel, a palette (its indices count, not its colours) or colours (any that is not
            black counts; transparency does not).
        size: (H, W) of the photograph, in pixels.

    Returns:
        (H, W) bool.

    Raises:
        RegionError: the file is missing, is no image or has another size than the photograph.
    """
    image = open_image(path, RegionError)
    if (image.height, image.width) != size:
        raise RegionError(
            f"the mask {str(path)!r} is {image.height} x {image.width} (height x width), but its image is "
            f"{size[0]} x {size[1]}; draw the mask on the image at its full size"
        )
    if image.mode == "LA":
        image = image.getchannel("L")
    elif image.mode not in ("1", "L", "P", "I", "F") and not image.mode.startswith("I;16"):
        image = image.convert("RGB")
    values = np.asarray(image)
    region: npt.NDArray[np.bool_] = values != 0 if values.ndim == 2 else (values != 0).any(axis=2)
    return region


def find_mask(folder: Path, photograph: Path) -> Path:
    """Returns the mask of a photograph in a folder: the file of the same name, whatever kind of image it is.

    Raises:
        RegionError: there is none.
    """
    for suffix in SUFFIXES:
        candidate = folder / f"{photograph.stem}{suffix}"
        if candidate.is_file():
            return candidate
    raise RegionError(
        f"no mask of {str(photograph)!r} in {str(folder)!r}; expected {photograph.stem}.png "
        f"(or {', '.join(SUFFIXES[1:])})"
    )
