"""What every source of video gives: frames, one after the other."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from typing_extensions import Self


@dataclass(frozen=True, eq=False)
class Frame:
    """One picture of a video.

    Attributes:
        index: position in the source, from 0.
        time: seconds since the first frame.
        rgb: the picture, (H, W, 3) uint8.
    """

    index: int
    time: float
    rgb: npt.NDArray[np.uint8]


class FrameSource(ABC):
    """Frames of a video, to be opened with ``with`` and read once with ``for``.

    Attributes:
        name: what to call the source in messages and files; never holds a password.
        frames_expected: how many frames there should be, or None when that is unknown or without end.
        frame_rate: frames per second, or None when unknown.
        size: (H, W) of the first frame in pixels, or None before it is known; later frames may differ.
        truncated: after the loop, why the source ended early or what was damaged; None when it was whole.
    """

    name: str
    frames_expected: int | None = None
    frame_rate: float | None = None
    size: tuple[int, int] | None = None
    truncated: str | None = None

    @abstractmethod
    def __iter__(self) -> Iterator[Frame]:
        """Yields the frames in order."""

    @abstractmethod
    def close(self) -> None:
        """Lets go of the file, device or connection; may be called twice."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
