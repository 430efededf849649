"""saccade calibrate, on a small clip and with the engine itself."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from saccade.agreement import Spread
from saccade.calibration import Goal, Trial
from saccade.cli.calibration_plot import write_calibration_plot
from saccade.policy import Calibrated, read_profile

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


def test_of_a_narrow_network_one_line_says_that_the_gate_alone_was_searched(call, walk, factory, tmp_path):
    ended = call("calibrate", walk, "--model", factory, "--output", tmp_path / "profile.json", "--error", "0.2")
    assert ended.code == 0, ended.err
    said = [line for line in ended.out.splitlines() if "no layer is wide enough to gain time by thresholds" in line]
    assert len(said) == 1
    assert "--policy frugal" in said[0]
    assert "threshold 0" not in ended.out
    assert read_profile(tmp_path / "profile.json").note
    frugal = ("--output", tmp_path / "frugal.json", "--error", "0.2", "--policy", "frugal")
    ended = call("calibrate", walk, "--model", factory, *frugal)
    assert ended.code == 0, ended.err
    assert "no layer is wide enough" not in ended.out
    assert read_profile(tmp_path / "frugal.json").threshold > 0


def test_the_plot_shows_the_chosen_trial_and_its_neighbours(tmp_path, monkeypatch):
    drawn = []
    monkeypatch.setattr("saccade.cli.calibration_plot.save_figure", lambda figure, path: drawn.append(figure))
    trials = tuple(
        Trial(Calibrated(0.0, levels), work, Spread(miss, miss, miss))
        for levels, work, miss in ((0.0, 0.97, 0.0), (0.5, 0.6, 0.08), (1.0, 0.2, 0.4), (1.5, 0.1, 0.9))
    )
    calibration = SimpleNamespace(goal=Goal(0.1), trials=trials, chosen=trials[1], held_back=trials[1], gate_alone=True)
    write_calibration_plot(calibration, "network on clip", tmp_path / "plot.png")
    axes = drawn[0].axes[0]
    (bottom, top), (left, right) = axes.get_ylim(), axes.get_xlim()
    assert left < 0 < 97 < right
    assert bottom < 0 < 0.4 < top < 0.9
    assert {text.get_text() for text in axes.texts} == {"0", "0.5", "1", "1.5"}
    assert [60, 0.08] in [list(point) for line in axes.lines for point in line.get_xydata()]


def test_frames_that_do_not_fit_into_memory_are_the_cause_that_is_told(call, walk, factory, tmp_path, monkeypatch):
    given = ("calibrate", walk, "--model", factory, "--output", tmp_path / "profile.json", "--error", "0.2")
    monkeypatch.setattr("saccade.cli.calibrate.MOST_BYTES", 11 * 3 * 32 * 32 * 4)
    refused = call(*given, "--size", "32x32", "--frames", "60")
    assert refused.code == 2
    assert "of 60 frames of 32x32, 11 fit" in " ".join(refused.err.replace("│", "").split())
    monkeypatch.setattr("saccade.cli.calibrate.MOST_BYTES", 26 * 3 * 32 * 32 * 4)
    warned = call(*given, "--size", "32x32", "--frames", "60")
    assert warned.code == 0, warned.err
    assert "of 60 frames of 32x32, 26 fit" in warned.err


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
        (["--error", "0.1", "--metric", "top1"], "--metric top1 was given with --error"),
        (["--error", "0.1", "--policy", "balanced:0.05"], "expected balanced or frugal without a number"),
        (["--error", "0.1", "--frames", "10"], "--frames 10 was given; expected at least 24"),
        (["--error", "0.1", "--plot", "plot.pdf"], "expected a name that ends in .png"),
    ],
)
def test_bad_input_is_one_error_and_nothing_is_left_behind(words, message, call, walk, factory, tmp_path):
    before = sorted(tmp_path.iterdir())
    ended = call("calibrate", walk, "--model", factory, "--output", tmp_path / "profile.json", *words)
    assert ended.code == 2
    assert message in " ".join(ended.err.replace("│", "").split())
    assert sorted(tmp_path.iterdir()) == before


def test_a_broken_image_of_the_clip_is_warned_of(call, walk, factory, tmp_path):
    (walk / "003.png").write_bytes(b"broken")
    ended = call("calibrate", walk, "--model", factory, "--output", tmp_path / "p.json", "--error", "0.2")
    assert ended.code == 0, ended.err
    assert "saccade: warning: 1 of the 30 images" in ended.err
