"""Output files: complete or absent."""

from __future__ import annotations

import json
import os
from contextlib import ExitStack
from pathlib import Path

import av
import numpy as np
import pytest

from saccade.errors import SinkError
from saccade.video import EventsSink, VideoSink
from saccade.video.sinks import check_writable, write_json


def _frames_in(path: Path) -> list[tuple[int, int]]:
    with av.open(str(path)) as container:
        return [(frame.height, frame.width) for frame in container.decode(video=0)]


def _picture(height: int = 48, width: int = 64) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 255, (height, width, 3), dtype=np.uint8)


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".mov", ".avi"])
def test_video_holds_every_picture(tmp_path, suffix):
    path = tmp_path / f"out{suffix}"
    with VideoSink(path, 10) as sink:
        for _ in range(5):
            sink.write(_picture())
    assert _frames_in(path) == [(48, 64)] * 5
    assert list(tmp_path.iterdir()) == [path]


def test_video_of_odd_size_is_made_even(tmp_path):
    with VideoSink(tmp_path / "out.mp4") as sink:
        sink.write(_picture(31, 45))
    assert _frames_in(tmp_path / "out.mp4") == [(32, 46)]


def test_picture_of_another_size_is_scaled_to_the_first(tmp_path):
    with VideoSink(tmp_path / "out.mp4") as sink:
        sink.write(_picture(48, 64))
        sink.write(_picture(96, 80))
    assert _frames_in(tmp_path / "out.mp4") == [(48, 64)] * 2


def test_video_without_libx264_falls_back_to_mpeg4(tmp_path, monkeypatch):
    monkeypatch.setattr(av.codec, "codecs_available", {"mpeg4"})
    with VideoSink(tmp_path / "out.mp4") as sink:
        sink.write(_picture())
    with av.open(str(tmp_path / "out.mp4")) as container:
        assert container.streams.video[0].codec_context.name == "mpeg4"


def _fail_with(error: BaseException, *sinks_and_values) -> None:
    with ExitStack() as stack:
        for sink, value in sinks_and_values:
            stack.enter_context(sink).write(value)
        raise error


def test_video_interrupted_by_the_user_keeps_what_was_written(tmp_path):
    with pytest.raises(KeyboardInterrupt):
        _fail_with(KeyboardInterrupt(), (VideoSink(tmp_path / "out.mp4"), _picture()))
    assert _frames_in(tmp_path / "out.mp4") == [(48, 64)]


def test_nothing_is_left_behind_after_an_error(tmp_path):
    sinks = (VideoSink(tmp_path / "a.mp4"), _picture()), (EventsSink(tmp_path / "b.jsonl"), {"index": 0})
    with pytest.raises(ValueError, match="broken"):
        _fail_with(ValueError("broken"), *sinks)
    assert list(tmp_path.iterdir()) == []


def test_an_earlier_file_survives_an_error(tmp_path):
    path = tmp_path / "events.jsonl"
    path.write_text("before")
    with pytest.raises(ValueError, match="broken"):
        _fail_with(ValueError("broken"), (EventsSink(path), {"index": 0}))
    assert path.read_text() == "before"


def test_sinks_without_anything_written_leave_no_file(tmp_path):
    with VideoSink(tmp_path / "out.mp4"), EventsSink(tmp_path / "e.jsonl"):
        pass
    assert list(tmp_path.iterdir()) == []


def test_events_are_one_json_object_a_line_and_numbers_without_a_name_become_null(tmp_path):
    with EventsSink(tmp_path / "e.jsonl") as events:
        events.write({"index": 0, "outputs": {"norm": float("nan")}})
        events.write({"index": 1})
    lines = (tmp_path / "e.jsonl").read_text().splitlines()
    assert [json.loads(line) for line in lines] == [{"index": 0, "outputs": {"norm": None}}, {"index": 1}]


@pytest.mark.parametrize("sink", [VideoSink, EventsSink])
def test_output_in_a_missing_folder_is_refused_up_front(tmp_path, sink):
    with pytest.raises(SinkError, match="there is no folder"):
        sink(tmp_path / "missing" / "out.mp4")
    assert list(tmp_path.iterdir()) == []


def test_output_that_is_a_folder_is_refused(tmp_path):
    (tmp_path / "out.mp4").mkdir()
    with pytest.raises(SinkError, match="it is a folder"):
        VideoSink(tmp_path / "out.mp4")


def test_output_that_the_system_refuses_is_named(tmp_path, monkeypatch):
    def refuse(self: Path, *arguments: object, **options: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "touch", refuse)
    with pytest.raises(SinkError, match=r"cannot write events to .*e\.jsonl.*Permission denied"):
        EventsSink(tmp_path / "e.jsonl")


def test_video_of_an_unknown_kind_is_refused(tmp_path):
    with pytest.raises(SinkError, match=r"expected a name that ends in \.avi"):
        VideoSink(tmp_path / "out.txt")


def test_json_is_written_whole_and_checking_leaves_nothing(tmp_path):
    check_writable(tmp_path / "r.json", "the report")
    assert list(tmp_path.iterdir()) == []
    write_json(tmp_path / "r.json", {"a": (1, float("inf"))})
    assert json.loads((tmp_path / "r.json").read_text()) == {"a": [1, None]}
    assert [file.name for file in tmp_path.iterdir()] == ["r.json"]


@pytest.mark.parametrize("before", ["earlier", None])
def test_files_are_written_through_links_and_the_links_stay(tmp_path, before):
    real = tmp_path / "real"
    real.mkdir()
    for name in ("o.mp4", "e.jsonl", "r.json"):
        (tmp_path / name).symlink_to(real / name)
        if before is not None:
            (real / name).write_text(before)
    with VideoSink(tmp_path / "o.mp4") as video, EventsSink(tmp_path / "e.jsonl") as events:
        video.write(_picture())
        events.write({"index": 0})
    write_json(tmp_path / "r.json", {"a": 1})
    assert all((tmp_path / name).is_symlink() for name in ("o.mp4", "e.jsonl", "r.json"))
    assert _frames_in(real / "o.mp4") == [(48, 64)]
    assert json.loads((real / "e.jsonl").read_text()) == {"index": 0}
    assert json.loads((real / "r.json").read_text()) == {"a": 1}
    assert sorted(path.name for path in real.iterdir()) == ["e.jsonl", "o.mp4", "r.json"]


def test_a_link_into_a_missing_folder_is_refused(tmp_path):
    (tmp_path / "e.jsonl").symlink_to(tmp_path / "missing" / "e.jsonl")
    with pytest.raises(SinkError, match=r"there is no folder '.*missing'"):
        EventsSink(tmp_path / "e.jsonl")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes, which this system does not have")
def test_a_pipe_is_refused(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(SinkError, match="device or a pipe"):
        EventsSink(tmp_path / "pipe")
