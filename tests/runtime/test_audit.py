"""Audits: the error that is reported is the error there is, and a limit holds."""

from __future__ import annotations

import copy
import json
import math

import pytest
import torch
from small_models import Maps, Small, blob, frame
from torch import nn

import saccade
from saccade.errors import AuditError, MetricError
from saccade.runtime.audit import Audit, Schedule


def error(output: torch.Tensor, dense: torch.Tensor) -> float:
    return float((output.double() - dense.double()).norm() / dense.double().norm())


def audited(policy: str, model: nn.Module, frames: list[torch.Tensor], **options) -> tuple[saccade.Stream, list]:
    """Returns the stream after the frames, and of each its output, its audit and its work."""
    stream = saccade.incremental(model, policy=policy, threads=1, **options)
    seen = []
    for current in frames:
        output = stream(current)
        seen.append((output, stream.last_audit, stream.last_frame.macs_done))
    return stream, seen


def moving(count: int) -> list[torch.Tensor]:
    return [blob(frame(), 3 + index % 7, 2 + index) for index in range(count)]


def test_an_audit_of_every_frame_measures_the_error_against_the_dense_pass() -> None:
    model, frames = Maps().eval(), moving(6)
    stream, seen = audited("hold:3", model, frames, audit=1)
    dense = saccade.incremental(model, threads=1)
    expected = [error(output, dense.dense(current)) for (output, _, _), current in zip(seen, frames, strict=True)]
    assert [audit.error for _, audit, _ in seen] == pytest.approx(expected)
    assert [audit.index for _, audit, _ in seen] == list(range(6))
    assert [value > 0 for value in expected] == [False, True, True, False, True, True]
    report = stream.report().audit
    assert report.frames == 6
    assert report.error.mean == pytest.approx(sum(expected) / 6)
    assert report.error.largest == pytest.approx(max(expected))
    assert report.breaches == 0
    assert report.macs == stream.report().macs_dense
    assert report.seconds > 0


def test_an_audit_changes_nothing_but_the_report() -> None:
    model, frames = Small().eval(), moving(8)
    plain, audited_stream = (saccade.incremental(model, policy="hold:2", threads=1, audit=audit) for audit in (None, 2))
    for current in frames:
        assert torch.equal(plain(current), audited_stream(current))
        assert torch.equal(plain.change_maps()["frame"], audited_stream.change_maps()["frame"])
    without, with_audit = plain.report(), audited_stream.report()
    assert without.audit is None
    assert with_audit.audit.frames == 4
    assert (without.macs_done, without.frames, without.held) == (
        with_audit.macs_done,
        with_audit.frames,
        with_audit.held,
    )


def test_a_breach_returns_the_dense_outputs_and_refreshes_the_memory() -> None:
    model, frames = Maps().eval(), moving(9)
    stream, seen = audited("hold:4", model, frames, audit=1, error_limit=0.0)
    dense = saccade.incremental(model, threads=1)
    # Every held frame differs from its dense pass, so that each is a breach and returned dense.
    for current, (output, _, _) in zip(frames, seen, strict=True):
        assert torch.equal(output, dense.dense(current))
    report = stream.report()
    assert report.audit.breaches == sum(audit.breach for _, audit, _ in seen) == 8
    assert report.keyframes == 8
    assert report.audit.error.mean > 0
    assert [work for _, _, work in seen] == [report.macs_dense // 9] * 9
    assert report.macs_done == report.macs_dense
    assert "8 breaches of the error limit 0" in str(report)


def test_after_a_breach_the_policy_goes_on_from_the_dense_frame() -> None:
    model, frames = Maps().eval(), moving(5)
    stream = saccade.incremental(model, policy="hold:3", threads=1, audit=1, error_limit=1e-9)
    stream(frames[0])
    stream(frames[1])
    assert stream.last_audit.breach
    stream._auditor = None
    held = saccade.incremental(model, threads=1).dense(frames[1])
    assert torch.equal(stream(frames[2]), held)
    assert torch.equal(stream(frames[3]), held)
    assert stream.report().held == 3
    assert not torch.equal(stream(frames[4]), held)


def test_a_limit_that_is_kept_triggers_nothing() -> None:
    stream, seen = audited("hold:2", Maps().eval(), moving(6), audit=1, error_limit=10.0)
    assert stream.report().audit.breaches == stream.report().keyframes == 0
    assert any(audit.error > 0 for _, audit, _ in seen)


def test_an_exact_stream_has_no_error_whatever_the_audit() -> None:
    stream, seen = audited("exact", Small().eval(), moving(6), audit=1, error_limit=0.0)
    report = stream.report()
    assert report.audit.error.largest == report.audit.disagreement.largest == 0.0
    assert report.audit.breaches == report.keyframes == 0
    assert [audit.since_keyframe for _, audit, _ in seen] == [0, 1, 2, 3, 4, 5]


def test_drift_is_the_error_by_frames_since_the_keyframe() -> None:
    frames = moving(14)
    stream, seen = audited("hold:99", Maps().eval(), frames, audit=1)
    drift = stream.report().audit.drift
    assert [(entry.first, entry.last, entry.frames) for entry in drift] == [(0, 0, 1), (1, 10, 10), (11, 30, 3)]
    assert drift[0].error.largest == 0.0
    assert drift[2].error.mean == pytest.approx(sum(audit.error for _, audit, _ in seen[11:]) / 3)
    assert "0: 0, 1-10:" in str(stream.report())


def test_each_output_has_its_own_error() -> None:
    class TwoOutputs(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.convolution = nn.Conv2d(3, 4, 3, 1, 1)

        def forward(self, current: torch.Tensor) -> dict[str, torch.Tensor]:
            return {"map": self.convolution(current), "still": self.convolution(torch.zeros_like(current))}

    stream, seen = audited("hold:2", TwoOutputs().eval(), moving(4), audit=1)
    assert set(seen[1][1].errors) == {"map", "still"}
    outputs = stream.report().audit.outputs
    assert outputs["map"].mean > 0
    assert outputs["still"].largest == 0.0
    assert "map: mean" in str(stream.report())


def test_the_task_is_judged_by_the_metric_that_was_asked_for() -> None:
    given = []

    def judge(reference: torch.Tensor, outputs: torch.Tensor) -> float:
        given.append((reference, outputs))
        return 0.25

    model, frames = Small().eval(), moving(2)
    stream, seen = audited("hold:2", model, frames, audit=1, metric=judge)
    assert stream.report().audit.metric == "judge"
    assert stream.report().audit.disagreement.mean == 0.25
    assert torch.equal(given[1][0], saccade.incremental(model, threads=1).dense(frames[1]))
    assert torch.equal(given[1][1], seen[1][0])


def test_a_classifier_is_judged_by_its_best_class_without_being_asked() -> None:
    stream, _ = audited("hold:2", Small().eval(), moving(2), audit=1)
    assert stream.report().audit.metric == "top1"


def test_one_frame_in_every_n_is_audited_at_a_seeded_place() -> None:
    def places(audit: Audit, frames: int) -> list[int]:
        schedule = Schedule(audit)
        return [index for index in range(frames) if schedule.due()]

    chosen = places(Audit(10), 1000)
    assert len(chosen) == 100
    assert all(index // 10 == block for block, index in enumerate(chosen))
    assert chosen == places(Audit(10), 1000)
    assert chosen != places(Audit(10, seed=1), 1000)
    # No foot of a policy of fixed steps is left out.
    assert {index % 10 for index in chosen} == set(range(10))
    assert places(Audit(1), 20) == list(range(20))


def test_a_share_of_the_frames_is_audited_by_a_seeded_schedule() -> None:
    schedule, again = Schedule(Audit(0.25)), Schedule(Audit(0.25))
    chosen = [schedule.due() for _ in range(4000)]
    assert sum(chosen) == pytest.approx(1000, abs=120)
    assert chosen == [again.due() for _ in range(4000)]


@pytest.mark.parametrize("frames", [0, -1, -0.5, 1.5, math.nan, math.inf, True, "10"])
def test_an_audit_that_is_no_number_of_frames_is_refused(frames: object) -> None:
    with pytest.raises(AuditError, match="expected a whole number of frames from 1 up"):
        saccade.incremental(Maps().eval(), audit=frames)


@pytest.mark.parametrize("limit", [-0.1, math.nan, math.inf, "0.1"])
def test_a_limit_that_is_no_error_is_refused(limit: object) -> None:
    with pytest.raises(AuditError, match="expected a finite relative L2 error"):
        saccade.incremental(Maps().eval(), audit=2, error_limit=limit)


def test_a_limit_or_a_metric_without_an_audit_is_refused() -> None:
    with pytest.raises(AuditError, match=r"an error limit of 0\.1 was given without an audit"):
        saccade.incremental(Maps().eval(), error_limit=0.1)
    with pytest.raises(AuditError, match="a metric of raw was given without an audit"):
        saccade.incremental(Maps().eval(), metric="raw")
    with pytest.raises(MetricError, match="unknown metric 'row'"):
        saccade.incremental(Maps().eval(), audit=2, metric="row")


def test_a_metric_that_raises_is_one_clear_error() -> None:
    def broken(reference: torch.Tensor, outputs: torch.Tensor) -> float:
        raise ValueError("no boxes here")

    stream = saccade.incremental(Maps().eval(), audit=1, metric=broken)
    with pytest.raises(MetricError, match="'broken' raised ValueError: no boxes here"):
        stream(frame())


def test_audits_go_on_in_a_copy_and_over_a_change_of_size_and_start_anew_after_a_reset() -> None:
    stream = saccade.incremental(Maps().eval(), policy="hold:2", threads=1, audit=1)
    for current in moving(3):
        stream(current)
    twin = copy.deepcopy(stream)
    twin(moving(4)[3])
    assert (stream.report().audit.frames, twin.report().audit.frames) == (3, 4)
    stream(frame(1, 3, 10, 12))
    assert stream.report().audit.frames == 4
    stream.reset()
    assert stream.report().audit.frames == 0
    assert stream.last_audit is None
    assert "audit: no frame yet" in str(stream.report())


def test_a_report_with_audits_is_plain_data() -> None:
    stream, _ = audited("hold:2", Maps().eval(), moving(4), audit=2)
    loaded = json.loads(json.dumps(stream.report().to_dict()))["audit"]
    assert loaded["frames"] == 2
    assert {"mean", "percentile_95", "largest", "infinite"} == set(loaded["error"])
    assert loaded["drift"]


def test_one_infinite_error_is_counted_and_leaves_the_report_of_the_others() -> None:
    model = nn.Sequential(nn.Conv2d(3, 4, 1, bias=False), nn.ReLU()).eval()
    frames = [*moving(4), torch.zeros_like(frame())]  # the dense pass of the last one is all zeros
    stream, seen = audited("hold:9", model, frames, audit=1)
    assert seen[-1][1].error == math.inf
    report = stream.report()
    finite = [audit.error for _, audit, _ in seen[:-1]]
    assert report.audit.error.mean == pytest.approx(sum(finite) / 4)
    assert (report.audit.error.largest, report.audit.error.infinite) == (max(finite), 1)
    assert "and 1 infinite" in str(report)
    stream.reset()
    stream(frames[0])
    stream._auditor.reset()
    stream(frames[-1])
    assert json.loads(json.dumps(stream.report().to_dict(), allow_nan=False))["audit"]["error"]["mean"] is None


def test_a_report_of_one_breach_has_no_plural() -> None:
    stream, _ = audited("hold:2", Maps().eval(), moving(2), audit=1, error_limit=0.0)
    assert "1 breach of the error limit 0, a keyframe" in str(stream.report())


def test_complex_outputs_are_audited_without_a_named_metric() -> None:
    class Spectrum(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.stem = nn.Conv2d(3, 8, 3, padding=1)

        def forward(self, picture: torch.Tensor) -> torch.Tensor:
            return torch.fft.fft2(self.stem(picture))

    stream, seen = audited("hold:2", Spectrum().eval(), moving(2), audit=1)
    assert stream.report().audit.metric == "raw"
    assert seen[1][1].error > 0


def test_a_detector_is_judged_by_its_boxes() -> None:
    import torchvision

    torch.manual_seed(0)
    detector = torchvision.models.detection.ssdlite320_mobilenet_v3_large(
        weights=None, weights_backbone=None, num_classes=3, score_thresh=0.0, detections_per_img=20
    ).eval()
    first, second = (torch.rand(3, 64, 64, generator=torch.Generator().manual_seed(seed)) for seed in (0, 1))
    stream = saccade.incremental(detector, policy="hold:2", threads=1, audit=1, error_limit=1e-6)
    stream([first])
    assert stream.last_audit.error == 0.0
    output = stream([second])
    audit = stream.last_audit
    assert audit.breach
    assert audit.error > 0
    assert stream.report().audit.metric == "detections"
    dense = stream.dense([second])
    assert torch.equal(output[0]["boxes"], dense[0]["boxes"])
    assert stream.maps[0]["0"].shape[1] > 3


@pytest.mark.parametrize("policy", ["near", "balanced", "deltacnn", "cbinfer"])
def test_a_breach_refreshes_what_layers_told_each_other(policy: str) -> None:
    model = nn.Sequential(nn.Conv2d(3, 64, 3, 2, 1), nn.ReLU(), nn.Conv2d(64, 64, 3, 1, 1)).eval()
    stream = saccade.incremental(model, policy=policy, threads=1, audit=1, error_limit=0.0)
    dense = saccade.incremental(model, threads=1)
    frames = [frame(seed=0) + 0.05 * frame(seed=seed) for seed in range(4)]
    for current in frames:
        output = stream(current)
        assert torch.equal(output, stream.dense(current))
        # Programs of other policies may choose other kernels, which round differently.
        assert error(output, dense.dense(current)) < 1e-5
    report = stream.report()
    assert report.audit.breaches == report.keyframes > 0
