"""CNN1, CNN2, CNN3 and the engine on one small network of the paper's form."""

from __future__ import annotations

import dataclasses

import pytest
import torch
from torch import nn

from saccade.experiments.spatial_attention.contenders import ChangeDriven, Dense, Engine
from saccade.policy import Borji

SIDE = 12


def _model() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(1, 4, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(4, 6, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(6 * 3 * 3, 5),
    ).eval()


def _frames(seed: int = 0) -> list[torch.Tensor]:
    """A square that moves a pixel a frame on a still of random values; eighths, so that sums are exact."""
    generator = torch.Generator().manual_seed(seed)
    still = torch.randint(-8, 9, (1, 1, SIDE, SIDE), generator=generator) / 8
    frames = []
    for step in range(5):
        frame = still.clone()
        frame[..., 3:7, 2 + step : 6 + step] = 1.0
        frames.append(frame)
    return frames


def _published_by_hand(model: nn.Sequential, frames: list[torch.Tensor], threshold: float) -> list[torch.Tensor]:
    """Figure 9, re-stated from the table for a single image: loops over places, windows of the unpadded map."""
    held: dict[int, torch.Tensor] = {}
    outputs, last = [], None
    for frame in frames:
        change = torch.ones(SIDE, SIDE) if last is None else (frame - last).abs()[0, 0]
        last = frame
        data = frame[0]
        for number, layer in enumerate(model):
            if not isinstance(layer, nn.Conv2d | nn.MaxPool2d):
                data = layer(data[None])[0]
                continue
            size, stride = (3, 1) if isinstance(layer, nn.Conv2d) else (2, 2)
            fresh = layer(data[None])[0]
            output = held.setdefault(number, torch.zeros_like(fresh))
            passed_on = torch.zeros(fresh.shape[1:])
            for i in range(fresh.shape[1]):
                for j in range(fresh.shape[2]):
                    if change[i * stride : i * stride + size, j * stride : j * stride + size].sum() > threshold:
                        passed_on[i, j] = 1
                        output[:, i, j] = fresh[:, i, j]
            data, change = output.clone(), passed_on
        outputs.append(data[None])
    return outputs


@pytest.mark.parametrize("threshold", [0.0, 1.0, 2.0, 4.0, 9.0])
@pytest.mark.parametrize("sequential", [True, False])
def test_published_network_matches_a_restatement_of_figure_9(threshold, sequential):
    model, frames = _model(), _frames()
    with torch.inference_mode():
        expected = _published_by_hand(model, frames, threshold)
    given = ChangeDriven(model, Borji.as_published(threshold), sequential=sequential).watch(frames)
    for one, other in zip(given, expected, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-5)


def test_cnn2_agrees_with_cnn1():
    model, frames = _model(), _frames()
    for memory_format in (torch.contiguous_format, torch.channels_last):
        dense = Dense(model, memory_format).watch(frames)
        for one, other in zip(ChangeDriven(model, None).watch(frames), dense, strict=True):
            torch.testing.assert_close(one, other, rtol=0, atol=1e-5)


@pytest.mark.parametrize("compare_outputs", [False, True])
@pytest.mark.parametrize("sequential", [True, False])
def test_corrected_rule_at_zero_agrees_with_cnn1_on_every_frame(compare_outputs, sequential):
    model = _model()
    rule = dataclasses.replace(Borji.corrected(0.0), compare_outputs=compare_outputs)
    contender = ChangeDriven(model, rule, sequential=sequential)
    for seed in range(3):
        frames = _frames(seed)
        for one, other in zip(contender.watch(frames), Dense(model).watch(frames), strict=True):
            torch.testing.assert_close(one, other, rtol=0, atol=1e-5)
        done, dense = contender.macs()
        assert 0 < done < dense


def test_published_rule_at_zero_leaves_stale_outputs_behind():
    model, frames = _model(), _frames()
    given, dense = ChangeDriven(model, Borji.as_published(0.0)).watch(frames), Dense(model).watch(frames)
    torch.testing.assert_close(given[0], dense[0], rtol=1e-5, atol=1e-5)
    assert float((given[-1] - dense[-1]).abs().max()) > 1e-3


@pytest.mark.parametrize("threshold", [4.0, 9.0])
def test_row_4_from_a_threshold_of_four_on_the_prediction_does_not_depend_on_the_image(threshold):
    model = _model()
    logits = [
        output
        for seed in range(4)
        for output in ChangeDriven(model, Borji.as_published(threshold), sequential=False).watch(_frames(seed))
    ]
    assert all(torch.equal(output, logits[0]) for output in logits), "constant, first frames included"
    corrected = [ChangeDriven(model, Borji.corrected(threshold)).watch(_frames(seed))[0] for seed in range(2)]
    assert not torch.equal(*corrected)


def test_row_2_the_last_corner_of_the_first_frame_stays_zero_at_a_threshold_of_one():
    model, frames = _model(), _frames()
    contender = ChangeDriven(model, Borji.as_published(1.0))
    contender.watch(frames[:1])
    maps = contender.change_maps()
    assert [tuple(place) for place in (~maps["conv1"]).nonzero().tolist()] == [(SIDE - 1, SIDE - 1)]
    assert not contender._memory.outputs["conv1"][0, :, -1, -1].any(), "not even the bias"
    assert not maps["conv2"][-1, -1]


def test_row_5_slow_drift_never_counts_in_the_published_program():
    model = _model()
    frames = [torch.full((1, 1, SIDE, SIDE), 0.05 * step) for step in range(12)]
    published = ChangeDriven(model, Borji.as_published(1.0), sequential=False).watch(frames)
    assert all(torch.equal(output, published[0]) for output in published)
    corrected = ChangeDriven(model, Borji.corrected(1.0), sequential=False).watch(frames)
    assert not torch.equal(corrected[-1], corrected[0])


@pytest.mark.parametrize("form", ["as_published", "corrected"])
def test_row_10_only_the_published_program_changes_the_last_output_in_place(form):
    model, frames = _model(), _frames()
    contender = ChangeDriven(model, getattr(Borji, form)(0.0))
    contender.watch(frames[:1])
    held = contender._memory.outputs["conv1"]
    kept = held.clone()
    with torch.inference_mode():
        contender(frames[1])
    assert torch.equal(held, kept) == (form == "corrected")


def test_row_11_comparing_outputs_passes_on_fewer_changes_and_the_same_result():
    model, frames = _model(), _frames()
    maps = []
    for compare in (False, True):
        contender = ChangeDriven(model, dataclasses.replace(Borji.corrected(0.0), compare_outputs=compare))
        contender.watch(frames)
        maps.append(contender.change_maps())
    assert maps[1]["pool1"].sum() < maps[0]["pool1"].sum()


def test_a_blank_frame_before_the_sequence_takes_the_place_of_a_map_of_ones():
    model, frames = _model(), _frames()
    ones = ChangeDriven(model, Borji.corrected(0.0)).watch(frames)
    blank = ChangeDriven(model, Borji.corrected(0.0), blank=-1.0)
    for one, other in zip(blank.watch(frames), ones, strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=1e-5)
    blank.reset()
    with torch.inference_mode():
        blank(torch.full_like(frames[0], -1.0))
    assert not blank.change_maps()["conv1"].any(), "a first frame that is blank itself has nothing to compute"


def test_engine_agrees_with_cnn1_and_counts_its_work():
    model, frames = _model(), _frames()
    engine = Engine(model, threads=1)
    for one, other in zip(engine.watch(frames), Dense(model).watch(frames), strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=1e-5)
    done, dense = engine.macs()
    assert 0 < done < dense
    assert dense == _macs_dense(model, frames)


def _macs_dense(model: nn.Sequential, frames: list[torch.Tensor]) -> int:
    contender = ChangeDriven(model, None)
    contender.watch(frames)
    return contender.macs()[1]
