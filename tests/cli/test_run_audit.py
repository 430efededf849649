"""saccade run with audits, and detectors' boxes in the events."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

import saccade
from saccade.cli.audit_note import AuditNote
from saccade.cli.verdict import Verdicts
from saccade.runtime import Audited
from saccade.video import draw_overlay

METRICS = (
    "def half(reference, outputs):\n    return 0.5\n"
    "def broken(reference, outputs):\n    raise ValueError('no such output')\n"
    "def twice(reference, outputs):\n    return 2\n"
    "def leaving(reference, outputs):\n    raise SystemExit(3)\n"
)
DETECTOR = (
    "import torch\nfrom torch import nn\n"
    "class Detector(nn.Module):\n"
    "    def __init__(self):\n        super().__init__()\n        self.stem = nn.Conv2d(3, 5 + 3, 8, 8)\n"
    "    def forward(self, frame):\n        maps = self.stem(frame)\n"
    "        return torch.cat([maps[:, :1].sigmoid() * 0 + 0.9, maps[:, 1:5] * 0, maps[:, 5:].softmax(1)], 1)\n"
    "def detector():\n    return Detector()\n"
)


@pytest.fixture
def metrics(factory, tmp_path):
    (tmp_path / "run_metrics.py").write_text(METRICS)
    return factory


def test_audits_are_in_the_events_the_report_and_the_table(call, clip, metrics, tmp_path):
    ended = call("run", clip, "--model", metrics, "--policy", "hold:2", "--audit", 2, "--metric",
                 "run_metrics:half", "--events", tmp_path / "e.jsonl", "--json", tmp_path / "r.json",
                 "--output", tmp_path / "o.mp4")  # fmt: skip
    assert ended.code == 0, ended.err
    assert "audit: 6 frames" in ended.out
    assert "run_metrics:half disagreement 50.00%" in ended.out
    events = [json.loads(line) for line in (tmp_path / "e.jsonl").read_text().splitlines()]
    audits = [event["audit"] for event in events if "audit" in event]
    assert len(audits) == 6
    assert all(audit["disagreement"] == 0.5 and audit["breach"] is False for audit in audits)
    assert {audit["metric"] for audit in audits} == {"run_metrics:half"}
    assert [event["verdict"] for event in events] == ["keyframe", "held", *["updated", "held"] * 5]
    errors = [event["audit"]["relative_error"] for event in events if "audit" in event]
    report = json.loads((tmp_path / "r.json").read_text())["report"]["audit"]
    assert report["frames"] == 6
    assert report["error"]["mean"] == pytest.approx(sum(errors) / 6)
    assert report["error"]["largest"] == pytest.approx(max(errors))
    assert max(errors) > 0


def test_a_breach_is_a_keyframe_and_is_counted(call, clip, metrics, tmp_path):
    ended = call("run", clip, "--model", metrics, "--policy", "hold:4", "--audit", 1, "--error-limit", 0, "--events",
                 tmp_path / "e.jsonl", "--json", tmp_path / "r.json")  # fmt: skip
    assert ended.code == 0, ended.err
    events = [json.loads(line) for line in (tmp_path / "e.jsonl").read_text().splitlines()]
    breaches = [event["index"] for event in events if event["audit"]["breach"]]
    assert breaches == list(range(1, 12))
    assert all(event["macs_done"] == event["macs_dense"] for event in events)
    assert {event["verdict"] for event in events} == {"keyframe"}
    report = json.loads((tmp_path / "r.json").read_text())["report"]
    assert report["audit"]["breaches"] == report["keyframes"] == 11
    assert "11 breaches of the error limit 0" in ended.out


def test_a_share_of_the_frames_can_be_audited(call, clip, metrics, tmp_path):
    ended = call("run", clip, "--model", metrics, "--audit", 0.5, "--json", tmp_path / "r.json")
    assert ended.code == 0, ended.err
    assert 0 < json.loads((tmp_path / "r.json").read_text())["report"]["audit"]["frames"] < 12


def test_the_pictures_words_are_the_error_the_disagreement_and_the_breaches():
    note = AuditNote()
    assert note.after(None) == ("", False)
    assert note.after(Audited(1, 1, {"": 0.1234}, 0.05, "top1", True)) == ("error 0.12, top1 5%, 1 breach", True)
    assert note.after(None) == ("error 0.12, top1 5% (1 ago), 1 breach", False)
    assert note.after(Audited(3, 1, {"": 0.2}, 0.0, "top1", True))[0] == "error 0.2, top1 0%, 2 breaches"


def test_the_pictures_words_fit_beside_the_title_at_640_by_480():
    note = AuditNote()
    for index in range(11):
        note.after(Audited(index, 1, {"": 0.1234}, 0.296, "detections", True))
    note.after(None)
    words, _ = note.after(None)
    picture = np.zeros((480, 640, 3), np.uint8)
    with_note, without = (
        draw_overlay(picture, title="frame 30   0.2 ms", share=0.5, note=text, maps={}) for text in (words, "")
    )
    assert (with_note != without).any()


def test_the_first_frame_of_another_size_is_a_keyframe():
    stream = saccade.incremental(torch.nn.Conv2d(3, 4, 3).eval(), policy="hold:2", threads=1)
    verdicts = Verdicts()
    said = []
    for size in (16, 16, 16, 12, 12, 16):
        stream(torch.rand(1, 3, size, size))
        said.append(verdicts.after(stream)["verdict"])
    assert said == ["keyframe", "held", "updated", "keyframe", "held", "keyframe"]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--audit", "0"), "an audit of 0.0 was given"),
        (("--audit", "-3"), "an audit of -3.0 was given"),
        (("--audit", "2.5"), "an audit of 2.5 was given"),
        (("--audit", "2", "--error-limit", "-0.1"), "an error limit of -0.1 was given"),
        (("--audit", "2", "--error-limit", "nan"), "an error limit of nan was given"),
        (("--error-limit", "0.1"), "an error limit of 0.1 was given without an audit"),
        (("--metric", "raw"), "a metric of raw was given without an audit"),
        (("--audit", "2", "--metric", "top2"), "unknown metric 'top2'"),
        (("--audit", "2", "--metric", "run_metrics:third"), "has no function 'third'"),
        (("--audit", "1", "--metric", "run_metrics:broken"), "raised ValueError: no such output"),
        (("--audit", "1", "--metric", "run_metrics:twice"), "returned 2.0"),
        (("--audit", "1", "--metric", "run_metrics:leaving"), "raised SystemExit: 3"),
        (("--audit", "1", "--metric", "detections"), "no decoder reads boxes"),
        (("--audit", "1", "--decoder", "yolo"), "known: fastestdet, torchvision, ultraface"),
        (("--decoder", "ultraface"), "'ultraface' does not read what the model gave"),
    ],
)
def test_a_mistake_ends_with_code_2_and_one_line_and_leaves_nothing(call_refused, clip, metrics, words, told):
    given = ("run", clip, "--model", metrics, "--output", "o.mp4", "--events", "e.jsonl", "--json", "r.json")
    assert told in call_refused(*given, *words)


def test_a_detectors_boxes_are_in_the_events_in_pixels_of_the_picture(call, clip, factory, tmp_path):
    (tmp_path / "run_detectors.py").write_text(DETECTOR)
    ended = call("run", clip, "--model", "run_detectors:detector", "--size", "32x32", "--frames", 1, "--events",
                 tmp_path / "e.jsonl", "--output", tmp_path / "o.mp4")  # fmt: skip
    assert ended.code == 0, ended.err
    found = json.loads((tmp_path / "e.jsonl").read_text())["outputs"]["detections"]
    assert found
    # Every cell's box is centred on the cell's corner and half as large as the picture of 48 x 64.
    assert [0.0, 0.0, 16.0, 12.0] in [find["box"] for find in found]
    assert all(0.25 < find["score"] <= 0.9 and find["class"] in (0, 1, 2) for find in found)


def test_classes_are_called_by_the_names_in_a_file(call, clip, factory, tmp_path):
    (tmp_path / "run_detectors.py").write_text(DETECTOR)
    (tmp_path / "names.txt").write_text("cat\n  döner  \n", encoding="utf-8-sig")
    ended = call("run", clip, "--model", "run_detectors:detector", "--size", "32x32", "--frames", 1, "--events",
                 tmp_path / "e.jsonl", "--categories", tmp_path / "names.txt")  # fmt: skip
    assert ended.code == 0, ended.err
    found = json.loads((tmp_path / "e.jsonl").read_text())["outputs"]["detections"]
    named = {0: "cat", 1: "döner", 2: None}  # the file says nothing of the third class
    assert all(find.get("name") == named[find["class"]] for find in found)


@pytest.mark.parametrize(
    ("content", "told"),
    [(None, "No such file"), (b"", "there are no names of classes"), (b"\xff\xfe\x00c", "no UTF-8 text")],
)
def test_names_that_cannot_be_read_are_refused(call_refused, clip, metrics, tmp_path, content, told):
    if content is not None:
        (tmp_path / "names.txt").write_bytes(content)
    given = ("run", clip, "--model", metrics, "--events", "e.jsonl", "--categories", tmp_path / "names.txt")
    assert told in call_refused(*given)
