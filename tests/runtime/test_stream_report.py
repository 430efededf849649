"""Reports, change maps, resets and memory."""

from __future__ import annotations

import json

import pytest
import torch
import torchvision
from small_models import Maps, blob, check_on, frame
from torch import nn

import saccade


def test_a_stream_reports_nothing_before_its_first_frame(model) -> None:
    stream = saccade.incremental(model)
    assert stream.report().frames == 0
    assert stream.change_maps() == {}
    assert stream.program is None
    assert stream.last_frame.macs_done == 0
    stream.reset()
    assert "0 frames" in str(stream.report())


def test_a_report_counts_the_multiply_adds_of_each_operator(model) -> None:
    stream = saccade.incremental(model, threads=1)
    stream(frame())
    first = stream.report()
    dense = 12 * 16 * 16 * (3 * 9 + 9) + 16 * 5
    assert first.frames == 1
    assert first.macs_done == first.macs_dense == dense
    stream(frame())
    assert stream.report().macs_done == dense
    assert stream.last_frame.macs_done == 0
    assert stream.last_frame.input_share == 0.0
    stream(blob(frame()))
    report = stream.report()
    assert report.frames == 3
    assert report.macs_dense == 3 * dense
    assert dense < report.macs_done < 2 * dense
    cost = stream.last_frame
    assert cost.macs_done == stream.last_frame.macs_done == report.macs_done - dense
    assert cost.input_share == pytest.approx(20 / (24 * 32))
    assert sum(row.macs_done for row in report.operators) == report.macs_done
    stem = next(row for row in report.operators if row.name == "stem")
    assert stem.kind == "convolution"
    assert 1 / 3 < stem.active_share < 2 / 3
    assert "norm" in stem.fused
    assert report.seconds > 0
    text = str(report)
    assert "stem" in text
    assert "3 frames" in text
    assert json.loads(json.dumps(report.to_dict()))["operators"][0]["name"] == report.operators[0].name


def test_a_report_names_fallbacks_and_why() -> None:
    class Rolled(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.convolution = nn.Conv2d(3, 4, 1)

        def forward(self, frame: torch.Tensor) -> torch.Tensor:
            return self.convolution(frame).roll(2, 3)

    model = Rolled().eval()
    stream = saccade.incremental(model)
    check_on(stream, model, frame(), frame(), blob(frame()))
    (row,) = [row for row in stream.report().operators if row.kind == "fallback"]
    assert "aten.roll.default" in row.name
    assert row.reason
    assert row.active_share == pytest.approx(2 / 3)
    assert row.reason in str(stream.report())


def test_change_maps_show_what_was_recomputed_by_name() -> None:
    stream = saccade.incremental(Maps().eval())
    stream(frame())
    assert all(active.all() for active in stream.change_maps().values())
    stream(blob(frame(), 5, 7))
    maps = stream.change_maps()
    assert set(maps) == {"frame", "convolution"}
    assert all(active.dtype == torch.bool and active.shape == (1, 24, 32) for active in maps.values())
    expected = torch.zeros(1, 24, 32, dtype=torch.bool)
    expected[:, 4:10, 6:13] = True
    assert torch.equal(maps["convolution"], expected)
    stream(blob(frame(), 5, 7))
    assert not any(active.any() for active in stream.change_maps().values())


def test_a_reset_forgets_frames_and_counts(model) -> None:
    stream = saccade.incremental(model)
    before = stream(frame())
    stream(blob(frame()))
    stream.reset()
    assert stream.report().frames == 0
    assert stream.report().macs_done == 0
    assert stream.last_frame.macs_done == 0
    assert torch.equal(stream(frame()), before)
    assert stream.report().macs_done == stream.report().macs_dense
    assert stream.change_maps()["frame"].all()


def test_made_up_activity_reaches_every_image_of_a_batch(model) -> None:
    stream = saccade.incremental(model)
    first = frame(2, 3, 24, 32)
    stream(first)
    stream.run_with_activity(first, 0.25)
    active = stream.change_maps()["frame"].float().mean((1, 2))
    assert active.tolist() == pytest.approx([0.25, 0.25])
    assert torch.equal(stream(first), stream.dense(first))


@pytest.mark.parametrize("name", ["resnet18", "mobilenet_v2"])
def test_memory_stays_below_the_live_activations_and_a_half(name) -> None:
    model = torchvision.models.get_model(name).eval()
    live = 0

    def count(module: nn.Module, inputs: object, output: torch.Tensor) -> None:
        nonlocal live
        live += output.nbytes

    current = torch.rand(1, 3, 160, 160)
    layers = [module for module in model.modules() if isinstance(module, nn.Conv2d | nn.MaxPool2d)]
    handles = [layer.register_forward_hook(count) for layer in layers]
    with torch.no_grad():
        model(current)
    for handle in handles:
        handle.remove()
    stream = saccade.incremental(model, threads=1)
    stream(current)
    assert stream.report().memory_bytes <= 1.5 * (live + current.nbytes)


def test_memory_does_not_grow_over_a_thousand_frames(model) -> None:
    stream = saccade.incremental(model, threads=1)
    first = frame(1, 3, 8, 8)
    stream(first)
    stream(blob(first, 1, 1))
    before = stream.report().memory_bytes
    for step in range(1000):
        stream(blob(first, step % 6, step % 5))
    assert stream.report().memory_bytes == before


def test_a_stream_of_ever_new_sizes_keeps_few_programs() -> None:
    stream = saccade.incremental(Maps().eval(), threads=1)
    for width in range(5, 13):
        assert stream(frame(1, 3, 6, width)).shape == (1, 4, 6, width)
    assert len(stream._programs) == 4
    assert stream(frame(1, 3, 6, 12)).shape == (1, 4, 6, 12)


def test_a_report_counts_the_frames_before_their_size_changed_too(model) -> None:
    stream = saccade.incremental(model, "hold:2", threads=1)
    for size in ((24, 32), (24, 32), (30, 40), (24, 32)):
        stream(frame(1, 3, *size))
    report = stream.report()
    assert (report.frames, report.frames_before, report.held) == (4, 3, 1)
    assert report.macs_dense == 3 * saccade.compile(model, frame()).session().macs_dense + (
        saccade.compile(model, frame(1, 3, 30, 40)).session().macs_dense
    )
    assert "4 frames" in str(report)
    stream.reset()
    assert stream.report().frames == 0


def test_memory_counts_that_of_dense_passes_beside_the_stream(model) -> None:
    stream = saccade.incremental(model)
    stream(frame())
    before = stream.report().memory_bytes
    stream.dense(frame())
    assert stream.report().memory_bytes > 1.5 * before


def test_nothing_has_changed_after_a_reset(model) -> None:
    stream = saccade.incremental(model)
    stream(frame())
    stream.reset()
    assert not any(changed.any() for changed in stream.change_maps().values())
