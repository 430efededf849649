"""saccade reproduce, from what is typed to what is on disk."""

from __future__ import annotations

import gzip
import struct
from pathlib import Path
from types import SimpleNamespace

import pytest

from saccade.experiments import experiments


def test_reproduce_list_shows_every_part_of_every_experiment_with_its_cost(call, monkeypatch):
    monkeypatch.setenv("COLUMNS", "250")
    ended = call("reproduce", "list")
    assert ended.code == 0
    for name in experiments:
        experiment = experiments.get(name)
        assert f"saccade reproduce {name}" in ended.out
        assert experiment.cost in ended.out
        assert all(part.label in ended.out and part.shows in ended.out for part in experiment.parts)


def _mnist(folder: Path) -> Path:
    folder.mkdir()
    images = struct.pack(">4I", 2051, 2100, 28, 28) + bytes(784 * 2100)
    (folder / "t10k-images-idx3-ubyte.gz").write_bytes(gzip.compress(images))
    labels = struct.pack(">2I", 2049, 2100) + bytes(2100)
    (folder / "t10k-labels-idx1-ubyte.gz").write_bytes(gzip.compress(labels))
    return folder


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--threshold", "-1"), "0 or more"),
        (("--threshold", "nan"), "finite"),
        (("--shift", "3"), "room for 18"),
        (("--shift", "19"), "room for 18"),
        (("--shift", "0"), "1 to 18"),
        (("--data", "nowhere"), "no folder 'nowhere'"),
        (("--data", "half"), "only one of two files"),
        (("--data", "cut"), "is damaged"),
        (("--out", "file/results"), "cannot write to the folder 'file/results'"),
        (("--out", "file"), "cannot write to the folder 'file'"),
    ],
)
def test_a_mistake_is_one_line_before_any_training(call, tmp_path, monkeypatch, words, told):
    monkeypatch.chdir(tmp_path)
    _mnist(tmp_path / "whole")
    (_mnist(tmp_path / "half") / "t10k-labels-idx1-ubyte.gz").unlink()
    images = _mnist(tmp_path / "cut") / "t10k-images-idx3-ubyte.gz"
    images.write_bytes(images.read_bytes()[:100])
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setattr("saccade.experiments.spatial_attention.run.trained_network", None)  # would be called
    options = {"--data": "whole", "--out": "out"} | dict(zip(words[::2], words[1::2], strict=True))
    ended = call("reproduce", "spatial-attention", *(word for option in options.items() for word in option))
    assert ended.code == 2
    assert told in ended.err
    assert len(ended.err.strip().splitlines()) == 1
    assert not list(tmp_path.glob("out/*"))


def test_an_option_that_is_no_number_or_no_direction_is_refused(call):
    for words in (("--direction", "sideways"), ("--draws", "0"), ("--norm", "l3"), ("--threads", "0")):
        assert call("reproduce", "spatial-attention", "--out", "out", *words).code == 2


def test_spatial_attention_runs_from_the_command_line_and_says_which_digits_it_took(call, tmp_path, monkeypatch):
    seen = {}

    def run(digits, settings, folder, command, track):
        seen.update(settings=settings, command=command)
        track("stage", 2)("line")
        return SimpleNamespace(rows=[])

    monkeypatch.setattr("saccade.experiments.spatial_attention.run.run", run)
    data = _mnist(tmp_path / "data")
    ended = call("reproduce", "spatial-attention", "--out", tmp_path / "out", "--data", data, "--fast", "--direction",
                 "up", "--norm", "l2", "--threshold", 0.5, "--no-fix-aperture", "--seed", 3)  # fmt: skip
    assert ended.code == 0, ended.err
    assert "test digits only" in ended.out
    assert seen["settings"].training.seed == 3
    assert seen["settings"].motions["II corrected"].direction == "up"
    assert seen["command"] == (
        "saccade reproduce spatial-attention --data DIR --out DIR --fast --direction up --norm l2 --threshold 0.5 "
        "--seed 3 --no-fix-aperture"
    )
