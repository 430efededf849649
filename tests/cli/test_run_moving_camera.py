"""saccade run --moving-camera."""

from __future__ import annotations

import json
from pathlib import Path

import av
import numpy as np
import pytest
import torch
from PIL import Image

from saccade.agreement.fastestdet import FastestDet
from saccade.cli.finds import read_finds
from saccade.cli.preprocess import Preprocessing

SIDE = (96, 128)
FRAMES = 10
SPEED = 3


@pytest.fixture
def panning(tmp_path: Path) -> Path:
    """Returns a folder of pictures in which a camera pans to the right over a still world, and then cuts."""
    generator = np.random.default_rng(0)
    worlds = [
        np.asarray(Image.fromarray(generator.integers(0, 255, (40, 80, 3), dtype=np.uint8)).resize((640, 320)))
        for _ in range(2)
    ]
    folder = tmp_path / "panning"
    folder.mkdir()
    for index in range(FRAMES):
        world = worlds[index == FRAMES - 1]
        left = 100 + SPEED * index
        Image.fromarray(world[100 : 100 + SIDE[0], left : left + SIDE[1]]).save(folder / f"{index:03}.png")
    return folder


@pytest.fixture
def mapper(factory: str) -> str:
    """Returns the name of a network whose output is a map of stride 4; a classifier stands beside it."""
    return factory.replace(":classifier", ":mapper")


def test_the_camera_is_followed_and_the_events_the_report_and_the_picture_say_so(call, panning, mapper, tmp_path):
    files = {"--events": tmp_path / "e.jsonl", "--json": tmp_path / "r.json", "--output": tmp_path / "o.mp4"}
    options = [word for pair in files.items() for word in pair]
    ended = call("run", panning, "--model", mapper, "--threads", 1, "--moving-camera", "--margin", 64, *options)
    assert ended.code == 0, ended.err
    events = [json.loads(line) for line in files["--events"].read_text().splitlines()]
    cameras = [event["camera"] for event in events]
    assert [camera["laid"] for camera in cameras] == ["begun", *["followed"] * (FRAMES - 2), "lost"]
    assert [camera["motion"] for camera in cameras[1:-1]] == [[0, SPEED]] * (FRAMES - 2)
    assert [camera["dense"] for camera in cameras] == [True, *[False] * (FRAMES - 2), True]
    followed = [event["macs_done"] / event["macs_dense"] for event in events[1:-1]]
    assert max(followed) < 0.2 < events[-1]["macs_done"] / events[-1]["macs_dense"]
    assert "camera: 3.0 pixels a frame on a canvas of 160x192" in ended.out
    assert "1 whose motion was unsure" in ended.out
    report = json.loads(files["--json"].read_text())["report"]["camera"]
    assert (report["frames"], report["moved"], report["lost"]) == (FRAMES, 0, 1)
    with av.open(str(files["--output"])) as video:
        assert sum(1 for _ in video.decode(video=0)) == FRAMES


def test_a_canvas_is_audited_against_its_own_dense_pass(call, panning, mapper, tmp_path):
    events = tmp_path / "e.jsonl"
    words = ("run", panning, "--model", mapper, "--moving-camera", "--policy", "near", "--audit", 2)
    ended = call(*words, "--events", events)
    assert ended.code == 0, ended.err
    audits = [json.loads(line).get("audit") for line in events.read_text().splitlines()]
    errors = [audit["relative_error"] for audit in audits if audit]
    assert len(errors) == FRAMES // 2
    assert all(error < 0.01 for error in errors)


def test_boxes_lie_where_the_frame_is_and_not_where_the_first_cell_begins():
    output = torch.zeros(1, 85, 6, 8)
    output[0, 0, 2, 3] = 1.0
    output[0, 5] = 1.0
    assert FastestDet().recognises(output)
    geometry = Preprocessing(size=SIDE)
    here, shifted = (
        read_finds(output, geometry, SIDE, SIDE, (), "fastestdet", offset)[0].box for offset in ((0, 0), (5, 9))
    )
    assert np.subtract(here, shifted).tolist() == [9, 5, 9, 5]


@pytest.mark.parametrize(
    ("model", "words", "told"),
    [
        ("classifier", (), "a moving camera needs a network whose outputs are all maps"),
        ("classifier", ("--ignore-box", "0,0,5,5"), "leave one of the two out"),
        ("mapper", ("--size", "90x128"), "its frames are 90x128: try 64x128"),
    ],
)
def test_what_a_moving_camera_cannot_serve_ends_with_code_2_and_leaves_nothing(
    call_refused, panning, mapper, tmp_path, model, words, told
):
    network = mapper.replace(":mapper", f":{model}")
    output = ("--events", tmp_path / "e.jsonl", "--output", tmp_path / "o.mp4")
    assert told in call_refused("run", panning, "--model", network, "--moving-camera", *output, *words)


def test_a_margin_without_a_moving_camera_is_a_mistake(call_refused, panning, mapper, tmp_path):
    said = call_refused("run", panning, "--model", mapper, "--margin", 64, "--events", tmp_path / "e.jsonl")
    assert "--moving-camera" in said
