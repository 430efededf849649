"""The picture of dense and incremental side by side."""

from __future__ import annotations

import numpy as np

from saccade.video import Box
from saccade.video.side_by_side import SideBySide


def test_every_picture_has_the_same_size_and_shows_the_frame_twice():
    painter, rgb = SideBySide(3), np.full((96, 160, 3), 90, dtype=np.uint8)
    nothing, still = np.zeros((6, 8), dtype=bool), np.zeros((96, 160), dtype=np.float32)
    pictures = [painter.draw(rgb, nothing, still, [Box(5, 40, 30, 60, "car")], 20.0, time, 0.1) for time in (9, 1, 0)]
    assert {picture.shape for picture in pictures} == {(96 + 184, 2 * 160 + 4, 3)}
    left, right = pictures[0][120, 100], pictures[0][120, 264]
    assert left[2] > left[0]
    assert right[0] == right[2]
