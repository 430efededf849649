"""Reading a photograph from disk."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps, UnidentifiedImageError

from saccade.errors import PhotographError


def read_photograph(path: str | Path) -> npt.NDArray[np.uint8]:
    """Returns the picture in a file as a viewer shows it.

    Args:
        path: anything that Pillow reads. A rotation that the camera noted (EXIF) is carried out, transparent places
            become white, and 16-bit grey is brought to 8 bits.

    Returns:
        (H, W, 3) uint8, RGB, 0 to 255.

    Raises:
        PhotographError: the file is missing, is no image, is broken off, or is too large to be one.
    """
    return np.asarray(_as_rgb(open_image(path, PhotographError), path), dtype=np.uint8)


def open_image(path: str | Path, kind: type[PhotographError] | type[Exception]) -> Image.Image:
    """Returns an image that has been read in full, in the file's own mode, turned as the camera noted.

    Args:
        path: the file.
        kind: the exception to raise, so that a mask is not called a photograph.

    Raises:
        kind: the file is missing, is no image, is broken off, or is too large to be one.
    """
    file = Path(path)
    if not file.exists():
        raise kind(f"no file at {str(path)!r}; check the path")
    if file.is_dir():
        raise kind(f"{str(path)!r} is a folder; expected an image file, so name the images in it")
    try:
        with warnings.catch_warnings():
            # Pillow warns of pictures above 89 megapixels and refuses twice that; only the refusal matters here.
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(file) as image:
                image.load()
                return ImageOps.exif_transpose(image)
    except UnidentifiedImageError as error:
        raise kind(f"{str(path)!r} is not an image that can be read; expected a JPEG, PNG or the like") from error
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        reason = " ".join(str(error).split())
        raise kind(f"the image {str(path)!r} cannot be read: {reason}; save it again") from error


def _as_rgb(image: Image.Image, path: str | Path) -> Image.Image:
    if image.mode.startswith("I;16"):
        return Image.fromarray((np.asarray(image) >> 8).astype(np.uint8)).convert("RGB")
    if image.mode in ("I", "F"):
        raise PhotographError(f"{str(path)!r} holds numbers of 32 bits, not colours; save it with 8 bits a channel")
    if image.has_transparency_data:
        shown = image.convert("RGBA")
        white = Image.new("RGBA", shown.size, "white")
        return Image.alpha_composite(white, shown).convert("RGB")
    return image.convert("RGB")
