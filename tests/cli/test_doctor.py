"""saccade doctor."""

from __future__ import annotations

import json

from saccade import runtime


def test_doctor_shows_versions_instruction_set_peers_and_the_self_test(call, tmp_path):
    ended = call("doctor", "--json", tmp_path / "d.json")
    assert ended.code == 0
    for word in ("torch", "onnxruntime", "instruction_set", "self-test", "passed"):
        assert word in ended.out
    findings = json.loads((tmp_path / "d.json").read_text())
    assert findings["native"]["instruction_set"] in findings["native"]["instruction_sets"]
    assert all(test["passed"] for test in findings["self_test"])


def test_doctor_fails_when_a_kernel_does(call, monkeypatch):
    monkeypatch.setattr(runtime, "self_test", lambda: [("avx2: agrees with torch", False, "error 0.3")])
    ended = call("doctor")
    assert ended.code == 1
    assert "FAILED" in ended.out
