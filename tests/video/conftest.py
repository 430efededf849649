"""Small videos for the tests of this room."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest


@pytest.fixture
def make_video(tmp_path: Path) -> Callable[..., Path]:
    """Returns a function that writes a small video of a moving square and returns its path."""

    def write(name: str = "clip.mp4", frames: int = 20, size: tuple[int, int] = (48, 64), **options: str) -> Path:
        path = tmp_path / name
        with av.open(str(path), "w", options=options) as container:
            stream = container.add_stream("mpeg4", rate=10)
            stream.height, stream.width = size
            stream.pix_fmt = "yuv420p"
            stream.gop_size = 5
            random = np.random.default_rng(0)
            background = random.integers(0, 255, (*size, 3), dtype=np.uint8)
            for index in range(frames):
                picture = background.copy()
                picture[8:24, index : index + 16] = 255
                for packet in stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")):
                    container.mux(packet)
            for packet in stream.encode():
                container.mux(packet)
        return path

    return write


@pytest.fixture
def shared_data() -> Path:
    """Returns the folder of real clips and models."""
    folder = os.environ.get("SACCADE_DATA")
    if not folder:
        pytest.skip("needs real clips: set SACCADE_DATA to the folder that holds data/video")
    return Path(folder)
