"""saccade reproduce tolerant-training on a tiny network, pictures and clip made here."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

FACTORY = """
import torch
from torch import nn

def make():
    torch.manual_seed(0)
    layers = [nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(), nn.Conv2d(8, 8, 3, 2, 1), nn.ReLU()]
    return nn.Sequential(*layers, nn.Conv2d(8, 5, 1))
"""


def write(path: Path, seed: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 255, (8, 8, 3), np.uint8).repeat(4, 0).repeat(4, 1)
    Image.fromarray(pixels).save(path)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for number in range(8):
        write(tmp_path / "data" / "train" / ("ab"[number % 2]) / f"{number}.png", number)
    for number in range(3):
        write(tmp_path / "clip" / f"{number}.png", number)
    (tmp_path / "tiny_factory.py").write_text(FACTORY)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    return tmp_path


def test_weights_and_report_are_written(folder: Path, call) -> None:
    words = ["reproduce", "tolerant-training", "clip", "--model", "tiny_factory:make", "--data", "data", "--out", "out"]
    call(*words, "--steps", "3", "--batch", "4")
    report = json.loads((folder / "out" / "tolerant-training.json").read_text())
    (clip,) = report["clips"]
    assert clip["before"]["unfaithful"] == 0
    assert clip["after"]["unfaithful"] > 0
    assert all(0 < point["share"] <= 1.01 for point in clip["before"]["points"])
    assert (folder / "out" / "tolerant-training.safetensors").is_file()
    assert "clip" in (folder / "out" / "tolerant-training.md").read_text()
    assert str(folder) not in json.dumps(report)


def test_a_missing_folder_of_pictures_is_one_clear_error(folder: Path, call_refused) -> None:
    words = ["reproduce", "tolerant-training", "clip", "--model", "tiny_factory:make", "--data", "none", "--out", "out"]
    assert "no images at 'none/train'" in call_refused(*words)


def test_a_missing_clip_is_found_before_the_training(folder: Path, call_refused) -> None:
    words = ["reproduce", "tolerant-training", "no.mp4", "--model", "tiny_factory:make", "--data", "data", "--out", "o"]
    assert "no.mp4" in call_refused(*words)


def test_two_clips_of_one_name_are_a_mistake(folder: Path, call) -> None:
    write(folder / "other" / "clip" / "0.png", 0)
    words = ["reproduce", "tolerant-training", "clip", "other/clip", "--model", "tiny_factory:make", "--data", "data"]
    ended = call(*words, "--out", "out")
    assert ended.code == 2
    assert "two clips have the same name" in ended.err
    assert not (folder / "out").exists()
