"""A video's frames as a model takes them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import islice
from typing import TYPE_CHECKING

from saccade.errors import SourceError

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    from torch import Tensor

    from saccade.cli.preprocess import Preprocessing
    from saccade.video import FrameSource


@dataclass(frozen=True, eq=False)
class ModelFrame:
    """A picture and what a model gets to see of it.

    Attributes:
        rgb: the picture, (H, W, 3) uint8.
        tensor: the model's frame, (1, 3, H, W) float32.
        preprocessing: that made the one into the other; its size is always set.
    """

    rgb: npt.NDArray[np.uint8]
    tensor: Tensor
    preprocessing: Preprocessing


def model_frames(source: FrameSource, preprocessing: Preprocessing, limit: int | None) -> Iterator[ModelFrame]:
    """Yields the model's frames, all of the size that the first one has.

    Args:
        source: of the pictures.
        preprocessing: its size is that of the first picture where it is None.
        limit: frames at most; None for all.
    """
    for frame in islice(source, limit):
        if preprocessing.size is None:
            height, width = frame.rgb.shape[:2]
            preprocessing = replace(preprocessing, size=(height, width))
        yield ModelFrame(frame.rgb, preprocessing(frame.rgb), preprocessing)


def too_few(source: FrameSource, warm_up: int) -> SourceError:
    """Returns the error that a source read to its end has too few frames, with what was wrong with it.

    Args:
        source: that was read.
        warm_up: frames that are not counted.
    """
    why = f" ({source.truncated})" if source.truncated else ""
    return SourceError(f"{source.name} has too few frames: more than {warm_up} are needed{why}")
