"""saccade regions, from what is typed to what is on disk."""

from __future__ import annotations

import json

import av
import pytest


def test_regions_compares_boxes_with_the_engine_and_a_dense_pass(call, clip, factory, tmp_path):
    ended = call("regions", clip, "--model", "small_networks:segmenter", "--threshold", 60, "--pixels", 5,
                 "--frames", 6, "--json", tmp_path / "r.json", "--output", tmp_path / "o.mp4")  # fmt: skip
    assert ended.code == 0, ended.err
    assert "5 frames behind the first" in ended.out
    found = json.loads((tmp_path / "r.json").read_text())
    assert found["frames"] == 6
    assert found["regions"] > 0
    names = ("dense", "regions", "engine", "first output, held")
    dense, boxes, engine, held = (found["contenders"][name] for name in names)
    assert dense["mean_work"] == dense["mean_agreement"] == 1
    assert 0 < boxes["mean_work"] < 1
    assert 0 < engine["mean_work"] <= 1
    assert engine["mean_relative_error"] < 1e-5 < boxes["mean_relative_error"] < held["mean_relative_error"]
    assert held["mean_work"] == held["median_milliseconds"] == 0
    with av.open(str(tmp_path / "o.mp4")) as container:
        assert sum(1 for _ in container.decode(video=0)) == 6


def test_regions_takes_frames_of_another_size(call, clip, factory, tmp_path):
    ended = call("regions", clip, "--model", "small_networks:segmenter", "--size", "30x40", "--frames", 3)
    assert ended.code == 0, ended.err


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("nowhere.mp4", "--model", "small_networks:segmenter"), "no video at 'nowhere.mp4'"),
        (("clips/clip.mp4", "--model", "small_networks:classifier"), "give a segmentation model"),
        (("clips/clip.mp4", "--model", "small_networks:segmenter", "--threshold", "-1"), "0 or more"),
        (("clips/clip.mp4", "--model", "small_networks:segmenter", "--json", "no/r.json"), "no/r.json"),
        (("clips/clip.mp4", "--model", "small_networks:segmenter", "--policy", "nothing"), "borji"),
    ],
)
def test_regions_ends_with_one_line_and_nothing_written_when_something_is_wrong(
    call, clip, factory, words, told, tmp_path
):
    before = sorted(tmp_path.rglob("*"))
    ended = call("regions", *words)
    assert ended.code == 2
    assert told in ended.err
    assert [line for line in ended.err.splitlines() if line.startswith("saccade:")] == [ended.err.splitlines()[-1]]
    assert sorted(path for path in tmp_path.rglob("*") if "__pycache__" not in path.parts) == before


def test_a_truncated_video_is_warned_of_and_told_in_the_results(call, clip, factory, tmp_path):
    clip.write_bytes(clip.read_bytes()[: clip.stat().st_size * 3 // 4])
    ended = call("regions", clip, "--model", "small_networks:segmenter", "--json", tmp_path / "r.json")
    assert ended.code == 0, ended.err
    assert "saccade: warning: " in ended.err
    assert "is truncated" in json.loads((tmp_path / "r.json").read_text())["truncated"]
