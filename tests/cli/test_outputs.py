"""What a verb writes: never over what it reads, never two results into one file, through links, and under a name."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from saccade.cli.outputs import check_outputs
from saccade.errors import SinkError


@pytest.fixture
def images(tmp_path):
    """Returns a folder of four images."""
    folder = tmp_path / "images"
    folder.mkdir()
    for index in range(4):
        Image.fromarray(np.full((48, 64, 3), 40 * index, dtype=np.uint8)).save(folder / f"{index}.png")
    return folder


def _contents(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file() and path.suffix != ".pyc"}


@pytest.mark.parametrize(
    "words",
    [
        ("run", "clips/clip.mp4", "--output", "clips/clip.mp4"),
        ("run", "clips/clip.mp4", "--events", "linked.mp4"),
        ("run", "linked.mp4", "--json", "clips/../clips/clip.mp4"),
        ("run", "images", "--events", "images/2.png"),
        ("run", "images", "--json", "linked.png"),
        ("run", "clips/clip.mp4", "--json", "small_networks.py", "--ignore", "small_networks.py"),
        ("regions", "clips/clip.mp4", "--output", "clips/clip.mp4"),
        ("regions", "clips/clip.mp4", "--json", "clips/clip.mp4"),
        ("calibrate", "clips/clip.mp4", "--error", "1", "--output", "p.json", "--plot", "clips/clip.mp4"),
        ("calibrate", "images", "--error", "1", "--output", "images/p.json"),
        ("bench", "video", "clips/clip.mp4", "--json", "clips/clip.mp4"),
        ("bench", "policies", "images", "clips/clip.mp4", "--plot", "clips/clip.mp4"),
    ],
)
def test_an_output_that_is_read_is_refused_and_stays_as_it_was(words, call_refused, clip, images, factory, tmp_path):
    (tmp_path / "linked.mp4").symlink_to(clip)
    (tmp_path / "linked.png").symlink_to(images / "1.png")
    before = _contents(tmp_path)
    told = call_refused(*words, "--model", factory)
    assert "which is read as" in told or "lies among the images of" in told
    assert _contents(tmp_path) == before


@pytest.mark.parametrize(
    ("words", "options"),
    [
        (("run", "--output", "o.mp4", "--events", "o.mp4"), ("--output", "--events")),
        (("run", "--events", "x", "--json", "clips/../x"), ("--events", "--json")),
        (("run", "--events", "linked", "--json", "x"), ("--events", "--json")),
        (("regions", "--output", "o.mp4", "--json", "o.mp4"), ("--output", "--json")),
        (("calibrate", "--error", "1", "--output", "p.json", "--plot", "p.json"), ("--output", "--plot")),
        (("bench", "policies", "--json", "p.png", "--plot", "p.png"), ("--json", "--plot")),
    ],
)
def test_two_outputs_in_one_file_are_refused_by_their_names(words, options, call_refused, clip, factory, tmp_path):
    (tmp_path / "linked").symlink_to(tmp_path / "x")
    verbs = 2 if words[0] == "bench" else 1
    told = call_refused(*words[:verbs], clip, "--model", factory, *words[verbs:])
    assert all(option in told for option in options)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("run", "clips/clip.mp4", "--model", "small_networks:classifier", "--events", ""), "--events"),
        (("run", "clips/clip.mp4", "--model", "small_networks:classifier", "--json", ""), "--json"),
        (("run", "clips/clip.mp4", "--model", "small_networks:classifier", "--output", ""), "--output"),
        (("run", "clips/clip.mp4", "--model", "small_networks:classifier", "--json", "/"), "it is a folder"),
        (("run", "clips/clip.mp4", "--model", "small_networks:classifier", "--weights", ""), "no weights were named"),
        (("run", "", "--model", "small_networks:classifier"), "no source was named"),
        (("regions", "clips/clip.mp4", "--model", "small_networks:segmenter", "--json", ""), "--json"),
        (("bench", "network", "--model", "small_networks:classifier", "--json", ""), "--json"),
        (("bench", "video", "", "--model", "small_networks:classifier"), "no source was named"),
        (("bench", "policies", "clips/clip.mp4", "--model", "small_networks:classifier", "--plot", ""), "--plot"),
        (("doctor", "--json", ""), "--json"),
        (("sizes", "resnet18", "--json", ""), "--json"),
        (("demo", "--out", "new", "--json", ""), "--json"),
    ],
)
def test_an_empty_name_is_refused_in_one_line(words, told, call_refused, clip, factory):
    assert told in call_refused(*words)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes, which this system does not have")
def test_a_pipe_is_refused_and_not_replaced(call_refused, clip, factory, tmp_path):
    os.mkfifo(tmp_path / "pipe")
    assert "device or a pipe" in call_refused("run", clip, "--model", factory, "--events", "pipe")
    assert (tmp_path / "pipe").is_fifo()


def test_a_run_writes_through_links(call, clip, factory, tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "e.jsonl").write_text("before")
    for name in ("e.jsonl", "r.json", "o.mp4"):
        (tmp_path / name).symlink_to(tmp_path / "real" / name)
    ended = call("run", clip, "--model", factory, "--output", "o.mp4", "--events", "e.jsonl", "--json", "r.json")
    assert ended.code == 0, ended.err
    assert all((tmp_path / name).is_symlink() for name in ("e.jsonl", "r.json", "o.mp4"))
    assert len((tmp_path / "real" / "e.jsonl").read_text().splitlines()) == 12
    assert json.loads((tmp_path / "real" / "r.json").read_text())["frames"] == 12
    assert sorted(path.name for path in (tmp_path / "real").iterdir()) == ["e.jsonl", "o.mp4", "r.json"]


def test_a_figure_is_written_through_a_link(tmp_path):
    from matplotlib.figure import Figure

    from saccade.cli.figure import save_figure

    (tmp_path / "real").mkdir()
    (tmp_path / "plot.png").symlink_to(tmp_path / "real" / "plot.png")
    save_figure(Figure(figsize=(1, 1)), tmp_path / "plot.png")
    assert (tmp_path / "plot.png").is_symlink()
    assert [path.name for path in (tmp_path / "real").iterdir()] == ["plot.png"]


def test_names_that_are_no_files_and_outputs_of_their_own_pass(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "in.mp4").touch()
    (tmp_path / "out.json").touch()
    inputs = [("SOURCE", "in.mp4"), ("--model", "torchvision:resnet18"), ("--weights", None), ("SOURCE", "")]
    check_outputs({"--json": Path("out.json"), "--events": None}, inputs)
    with pytest.raises(SinkError, match=r"--json names 'in\.mp4', which is read as SOURCE"):
        check_outputs({"--json": Path("in.mp4")}, [("SOURCE", f"file://{tmp_path / 'in.mp4'}")])
