"""saccade calibrate, on a small clip and with the engine itself."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from saccade.policy import read_profile

PNG = b"\x89PNG\r\n\x1a\n"


@pytest.fixture
def walk(tmp_path):
    """A folder of 30 pictures in which a square walks over a still background."""
    folder = tmp_path / "walk"
    folder.mkdir()
    still = np.random.default_rng(0).integers(0, 255, (32, 32, 3), dtype=np.uint8)
    for step in range(30):
        picture = still.copy()
        picture[10:18, step % 24 : step % 24 + 8] = 255
        Image.fromarray(picture).save(folder / f"{step:03}.png")
    return folder


def test_a_profile_and_a_plot_are_written_and_a_run_loads_the_profile(call, walk, factory, tmp_path):
    profile = tmp_path / "profile.json"
    ended = call("calibrate", walk, "--model", factory, "--output", profile, "--error", "0.2")
    assert ended.code == 0, ended.err
    assert "kept back" in ended.out
    held = read_profile(profile).held_back
    assert held.error <= 0.2
    assert (tmp_path / "profile.png").read_bytes().startswith(PNG)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "give one goal"),
        (["--error", "0.1", "--disagreement", "1%"], "give one goal"),
        (["--disagreement", "x"], "expected a share"),
        (["--error", "-1"], "expected a finite number above 0"),
        (["--error", "0.1", "--policy", "exact"], "expected balanced or frugal"),
        (["--error", "0.1", "--policy", "tolerant"], "give one of"),
        (["--error", "1e-12", "--policy", "frugal"], "cannot be met: the nearest"),
        (["--disagreement", "1%", "--metric", "top9"], "unknown metric"),
    ],
)
def test_bad_input_is_one_error_and_nothing_is_left_behind(words, message, call, walk, factory, tmp_path):
    before = sorted(tmp_path.iterdir())
    ended = call("calibrate", walk, "--model", factory, "--output", tmp_path / "profile.json", *words)
    assert ended.code == 2
    assert message in " ".join(ended.err.split())
    assert sorted(tmp_path.iterdir()) == before
