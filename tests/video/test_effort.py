"""The map of work done."""

from __future__ import annotations

import numpy as np
import pytest

from saccade.video.effort import effort_map


def test_mean_of_the_map_is_the_share_of_the_work_done():
    half = np.zeros((8, 8), dtype=bool)
    half[:4] = True
    maps = {"input": np.ones((16, 16), dtype=bool), "early": half, "late": np.zeros((2, 2), dtype=bool)}
    effort = effort_map(maps, {"early": 300, "late": 100}, (32, 48))
    assert effort.shape == (32, 48)
    assert effort.mean() == pytest.approx(0.5 * 0.75)
    assert effort.max() == pytest.approx(0.75)


def test_no_work_at_all_gives_an_empty_map():
    assert not effort_map({"a": np.ones((2, 2), dtype=bool)}, {}, (4, 4)).any()
