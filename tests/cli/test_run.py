"""saccade run, from what is typed to what is on disk."""

from __future__ import annotations

import json
import os
import re
import signal
from collections.abc import Iterator

import av
import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from PIL import Image

import saccade.video
from saccade.cli.run import _Watch
from saccade.runtime import Stream
from saccade.video import EventsSink, VideoSink


def _count(path) -> int:
    with av.open(str(path)) as container:
        return sum(1 for _ in container.decode(video=0))


def test_run_writes_video_events_and_report_and_prints_a_table(call, clip, factory, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    ended = call("run", clip, "--model", factory, "--output", out / "o.mp4", "--events", out / "e.jsonl",
                 "--json", out / "r.json", "--threads", 1)  # fmt: skip
    assert ended.code == 0, ended.err
    assert "convolution" in ended.out
    assert _count(out / "o.mp4") == 12
    events = [json.loads(line) for line in (out / "e.jsonl").read_text().splitlines()]
    assert [event["index"] for event in events] == list(range(12))
    assert events[0]["macs_done"] == events[0]["macs_dense"] > 0
    assert 0 < events[3]["macs_done"] <= events[3]["macs_dense"]
    assert 0 < events[3]["changed"] <= 1
    assert 0 <= events[3]["outputs"]["top1"][0]["class"] < 5
    report = json.loads((out / "r.json").read_text())
    assert report["report"]["frames"] == report["frames"] == 12
    assert report["report"]["macs_done"] == sum(event["macs_done"] for event in events)
    assert report["versions"]["torch"]
    assert sorted(file.name for file in out.iterdir()) == ["e.jsonl", "o.mp4", "r.json"]


def test_run_of_every_third_frame_up_to_a_limit_takes_just_those(call, clip, factory, tmp_path):
    ended = call("run", clip, "--model", factory, "--every", 3, "--frames", 3, "--events", tmp_path / "e.jsonl")
    assert ended.code == 0
    events = [json.loads(line) for line in (tmp_path / "e.jsonl").read_text().splitlines()]
    assert [event["index"] for event in events] == [0, 3, 6]


def test_outputs_of_another_shape_are_summarised_by_shape_and_norm(call, clip, factory, tmp_path):
    call("run", clip, "--model", "small_networks:segmenter", "--size", "30x40", "--frames", 1, "--events",
         tmp_path / "e.jsonl")  # fmt: skip
    outputs = json.loads((tmp_path / "e.jsonl").read_text())["outputs"]
    assert outputs["output"]["shape"] == [1, 2, 30, 40]
    assert outputs["output"]["l2_norm"] > 0


def test_truncated_video_is_processed_up_to_the_break_and_says_so(call, clip, factory, tmp_path):
    clip.write_bytes(clip.read_bytes()[: clip.stat().st_size * 3 // 4])
    ended = call("run", clip, "--model", factory, "--json", tmp_path / "r.json", "--output", tmp_path / "o.mp4")
    assert ended.code == 0
    assert "is truncated" in ended.err
    report = json.loads((tmp_path / "r.json").read_text())
    assert 0 < report["frames"] < 12
    assert "truncated" in report["truncated"]
    assert _count(tmp_path / "o.mp4") == report["frames"]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("nowhere.mp4", "--model", "small_networks:classifier"), "no video at 'nowhere.mp4'"),
        (("empty.mp4", "--model", "small_networks:classifier"), "is empty"),
        (("small_networks.py", "--model", "small_networks:classifier"), "not a video"),
        (("clips/clip.mp4", "--model", "torchvision:resnet81"), "did you mean 'resnet18'"),
        (("clips/clip.mp4", "--model", "resnet18"), "did you mean 'torchvision:resnet18'"),
        (("clips/clip.mp4", "--model", "missing.onnx"), "no ONNX file at 'missing.onnx'"),
        (("clips/clip.mp4", "--model", "small_networks:clasifier"), "did you mean 'classifier'"),
        (("clips/clip.mp4", "--model", "no_such_module:net"), "no module 'no_such_module'"),
        (("clips/clip.mp4", "--model", "small_networks:nothing"), "gave a int"),
        (("clips/clip.mp4", "--model", "small_networks:broken"), "no such file"),
        (("clips/clip.mp4", "--model", "small_networks:classifier", "--policy", "exactly"), "exact"),
        (("clips/clip.mp4", "--model", "small_networks:classifier", "--weights", "w.pt"), "no weights file"),
        (("clips/clip.mp4", "--model", "small_networks:classifier", "--mean", "0,0,0", "--output", "no/o.mp4"), "'no'"),
        (("rtsp://me:hunter2@127.0.0.1:9/1", "--model", "small_networks:classifier"), "***@127.0.0.1"),
    ],
)  # fmt: skip
def test_a_mistake_ends_with_code_2_and_one_line_and_leaves_nothing(call, clip, factory, tmp_path, words, told):
    (tmp_path / "empty.mp4").touch()
    before = sorted(path for path in tmp_path.rglob("*") if "__pycache__" not in path.parts)
    outputs = () if "--output" in words else ("--output", "o.mp4")
    ended = call("run", *words, *outputs, "--events", "e.jsonl", "--json", "r.json")
    assert ended.code == 2
    assert ended.out == ""
    assert told in ended.err
    assert "hunter2" not in ended.err
    lines = [line for line in ended.err.splitlines() if line.strip()]
    assert lines[-1].startswith("saccade: ")
    assert "Traceback" not in ended.err
    assert sorted(path for path in tmp_path.rglob("*") if "__pycache__" not in path.parts) == before


@pytest.mark.parametrize(
    ("option", "number"),
    [
        *(("--scale", number) for number in ("nan", "inf", "-inf", "0")),
        *(("--mean", number) for number in ("nan", "inf", "0,nan,0")),
        *(("--std", number) for number in ("nan", "inf", "0")),
    ],
)
def test_a_number_that_would_spoil_every_frame_is_refused(call, clip, factory, option, number):
    ended = call("run", clip, "--model", factory, f"{option}={number}", "--frames", 1)
    assert ended.code == 2
    assert ended.out == ""
    assert number in ended.err
    assert "Traceback" not in ended.err


def test_an_onnx_file_that_fits_one_size_is_refused_at_another_in_one_line(call_refused, clip, tmp_path):
    sizes = numpy_helper.from_array(np.array([4, 2, 384], dtype=np.int64), "sizes")
    weight = numpy_helper.from_array(np.ones((4, 3, 3, 3), dtype=np.float32), "weight")
    nodes = [
        helper.make_node("Conv", ["frame", "weight"], ["channels"], strides=[2, 2], pads=[1, 1, 1, 1]),
        helper.make_node("Reshape", ["channels", "sizes"], ["out"], name="cut"),
    ]
    frame = helper.make_tensor_value_info("frame", TensorProto.FLOAT, [1, 3, 48, 64])
    out = helper.make_tensor_value_info("out", TensorProto.FLOAT, None)
    graph = helper.make_graph(nodes, "graph", [frame], [out], [sizes, weight])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), tmp_path / "m.onnx")
    told = call_refused("run", clip, "--model", tmp_path / "m.onnx", "--size", "40x40", "--frames", 2)
    assert "Reshape 'cut'" in told
    assert "exported for, 'frame' as (1, 3, 48, 64)" in told


@pytest.mark.parametrize("size", ["640", "0x5", "axb", "2000000x2000000"])
def test_a_size_that_is_none_is_refused_as_an_option(call, clip, factory, size):
    ended = call("run", clip, "--model", factory, "--size", size)
    assert ended.code == 2
    assert "384x640" in ended.err


def test_an_unknown_option_is_refused(call):
    ended = call("run", "x.mp4", "--model", "m", "--polcy", "exact")
    assert ended.code == 2
    assert "--polcy" in ended.err


@pytest.fixture
def attended() -> Iterator[None]:
    """Has Ctrl-C interrupt, also where the tests run in the background of a shell, which ignores it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("attended")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_keeps_what_it_has_processed(call, clip, factory, tmp_path, monkeypatch, number):
    original, calls = Stream.__call__, []

    def interrupted(self, *arguments, **keywords):
        calls.append(1)
        if len(calls) == 6:
            os.kill(os.getpid(), number)
        return original(self, *arguments, **keywords)

    monkeypatch.setattr(Stream, "__call__", interrupted)
    ended = call("run", clip, "--model", factory, "--output", tmp_path / "o.mp4", "--events", tmp_path / "e.jsonl")
    assert ended.code == 130
    assert "what was processed is kept" in ended.err
    assert 4 <= len((tmp_path / "e.jsonl").read_text().splitlines()) <= 6
    assert 4 <= _count(tmp_path / "o.mp4") <= 6
    assert not [path for path in tmp_path.iterdir() if "partial" in path.name]


def _interrupt_at_call(monkeypatch, owner, name, number, interrupt):
    """Has the ``number``-th call of a function begin with an interrupt."""
    original, calls = getattr(owner, name), []

    def interrupted(*arguments, **keywords):
        calls.append(1)
        if len(calls) == number:
            interrupt()
        return original(*arguments, **keywords)

    monkeypatch.setattr(owner, name, interrupted)


def _raise_interrupt():
    raise KeyboardInterrupt


def _signal(number):
    os.kill(os.getpid(), number)


@pytest.mark.usefixtures("attended")
@pytest.mark.parametrize(
    ("owner", "name", "interrupt", "kept"),
    [
        (VideoSink, "write", lambda: _signal(signal.SIGINT), 5),
        (VideoSink, "write", lambda: _signal(signal.SIGTERM), 5),
        (EventsSink, "write", lambda: _signal(signal.SIGINT), 5),
        (saccade.video, "draw_overlay", lambda: _signal(signal.SIGTERM), 5),
        (saccade.video, "draw_overlay", _raise_interrupt, 4),
    ],
)
def test_an_interrupted_run_leaves_as_many_frames_in_the_video_as_in_the_events(
    call, clip, factory, tmp_path, monkeypatch, owner, name, interrupt, kept
):
    _interrupt_at_call(monkeypatch, owner, name, 5, interrupt)
    ended = call("run", clip, "--model", factory, "--output", tmp_path / "o.mp4", "--events", tmp_path / "e.jsonl")
    assert ended.code == 130
    assert f"interrupted after {kept} frames" in ended.err
    assert len((tmp_path / "e.jsonl").read_text().splitlines()) == kept
    assert _count(tmp_path / "o.mp4") == kept


def test_a_failure_in_mid_stream_leaves_nothing_behind(call, clip, factory, tmp_path, monkeypatch):
    def failing(self, frame):
        raise MemoryError

    monkeypatch.setattr(_Watch, "process", failing)
    before = sorted(tmp_path.iterdir())
    with pytest.raises(MemoryError):
        call("run", clip, "--model", factory, "--output", tmp_path / "o.mp4", "--events", tmp_path / "e.jsonl")
    assert [path for path in sorted(tmp_path.iterdir()) if path.name != "__pycache__"] == before


def test_a_run_over_frames_of_two_sizes_tells_one_count(call, factory, tmp_path):
    folder = tmp_path / "images"
    folder.mkdir()
    for index, size in enumerate([(64, 48), (64, 48), (64, 48), (32, 24)]):
        Image.new("RGB", size, (40 * index, 0, 0)).save(folder / f"{index}.png")
    ended = call("run", folder, "--model", factory, "--json", tmp_path / "r.json")
    assert ended.code == 0, ended.err
    report = json.loads((tmp_path / "r.json").read_text())
    assert report["frames"] == report["report"]["frames"] == 4
    assert re.findall(r"(\d+) frames(?!/s)", ended.out + ended.err) == ["4"]
