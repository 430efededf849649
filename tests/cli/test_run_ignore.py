"""saccade run with regions that are ignored."""

from __future__ import annotations

import json

import numpy as np
import pytest
from PIL import Image

from saccade.cli.ignored import IgnoredRegions
from saccade.cli.preprocess import Preprocessing


def shares(path) -> list[float]:
    return [json.loads(line)["changed"] for line in path.read_text().splitlines()]


def test_an_ignored_box_and_mask_keep_the_picture_still(call, clip, factory, tmp_path):
    words = ("run", clip, "--model", factory, "--threads", 1)
    assert call(*words, "--events", tmp_path / "all.jsonl").code == 0
    ended = call(*words, "--events", tmp_path / "box.jsonl", "--ignore-box", "0,0,64,24", "--ignore-box", "0,24,64,24")
    assert ended.code == 0, ended.err
    picture = np.zeros((48, 64), dtype=np.uint8)
    picture[:, :32] = 255
    Image.fromarray(picture).save(tmp_path / "mask.png")
    ended = call(*words, "--events", tmp_path / "mask.jsonl", "--ignore", tmp_path / "mask.png")
    assert ended.code == 0, ended.err
    assert shares(tmp_path / "box.jsonl") == [1.0, *[0.0] * 11]
    assert all(share <= 0.5 for share in shares(tmp_path / "mask.jsonl")[1:])
    assert max(shares(tmp_path / "all.jsonl")[1:]) > 0.5


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--ignore", "nowhere.png"), "'nowhere.png' cannot be read"),
        (("--ignore", "small_networks.py"), "is no picture"),
        (("--ignore", "small.png"), "is 5 x 4 pixels, the video 64 x 48"),
        (("--ignore-box", "0,0,5"), "is no box; expected x,y,width,height"),
        (("--ignore-box", "0,0,5,0"), "is no box"),
        (("--ignore-box", "64,0,5,5"), "inside a picture of 64 x 48"),
    ],
)
def test_a_mistake_ends_with_code_2_and_leaves_nothing(call, clip, factory, tmp_path, words, told):
    Image.new("L", (5, 4)).save(tmp_path / "small.png")
    ended = call("run", clip, "--model", factory, "--events", "e.jsonl", *words)
    assert ended.code == 2
    assert told in " ".join(ended.err.replace("│", " ").split())
    assert not (tmp_path / "e.jsonl").exists()


def test_the_mask_follows_the_picture_into_the_models_frame():
    regions = IgnoredRegions(None, ((0, 0, 10, 20),))
    mask = regions.mask((20, 40), Preprocessing(size=(10, 20)))
    assert mask[:, :5].all()
    assert not mask[:, 6:].any()
    boxed = regions.mask((20, 40), Preprocessing(size=(40, 40), letterbox=True))
    assert boxed[10:30, :10].all()
    assert not boxed[:10].any()
    assert not boxed[30:].any()
    assert not boxed[:, 12:].any()
    assert IgnoredRegions(None, ()).mask(None, Preprocessing()) is None
