"""saccade demo, on a few frames."""

from __future__ import annotations

import json

import av
import pytest


def test_demo_writes_a_video_and_a_plot_and_proves_that_nothing_differs(call, tmp_path):
    ended = call("demo", "--out", tmp_path / "new" / "demo", "--frames", 4, "--json", tmp_path / "d.json")
    assert ended.code == 0, ended.err
    assert "4 of 4 frames bit-identical" in " ".join(ended.out.split())
    results = json.loads((tmp_path / "d.json").read_text())
    assert results["bit_identical_frames"] == results["frames"] == 4
    assert results["share_of_macs"][0] == 1
    assert max(results["share_of_macs"][1:]) < 0.5
    assert results["largest_relative_error_to_torch"] < 1e-4
    with av.open(str(tmp_path / "new" / "demo" / "demo.mp4")) as container:
        assert sum(1 for _ in container.decode(video=0)) == 4
    assert sorted(path.name for path in (tmp_path / "new" / "demo").iterdir()) == ["demo.mp4", "demo.png"]


def test_demo_into_a_file_is_refused(call, tmp_path):
    (tmp_path / "taken").touch()
    ended = call("demo", "--out", tmp_path / "taken")
    assert ended.code == 2
    assert "choose another one with --out" in ended.err


@pytest.mark.parametrize("json_file", ["no/f.json", "y/demo.mp4", "y/no/f.json"])
def test_demo_whose_results_cannot_be_written_makes_no_folder(call_refused, tmp_path, json_file):
    told = call_refused("demo", "--out", tmp_path / "y", "--json", tmp_path / json_file)
    assert "no/f.json" in told or "demo.mp4" in told


def test_demo_writes_its_results_into_the_folders_that_it_makes_and_its_plot_through_a_link(call, tmp_path):
    ended = call("demo", "--out", tmp_path / "new" / "y", "--json", tmp_path / "new" / "f.json", "--frames", 2)
    assert ended.code == 0, ended.err
    assert (tmp_path / "new" / "f.json").is_file()
    plot = tmp_path / "new" / "y" / "demo.png"
    plot.rename(tmp_path / "real.png")
    plot.symlink_to(tmp_path / "real.png")
    (tmp_path / "real.png").write_text("before")
    ended = call("demo", "--out", tmp_path / "new" / "y", "--json", tmp_path / "new" / "y" / "f.json", "--frames", 2)
    assert ended.code == 0, ended.err
    assert plot.is_symlink()
    assert (tmp_path / "real.png").read_bytes().startswith(b"\x89PNG")
